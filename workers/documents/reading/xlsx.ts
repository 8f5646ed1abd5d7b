/** Excel workbooks: a page for each sheet, a line for each row, cells apart by tabs. Formulas give the value that Excel stored. */
import type { ReadDocument } from '../../shared/document-types.ts';
import { badDocument, SHEET_CELLS, TEXT_CHARACTERS } from './limits.ts';
import { PageCollector } from './pages.ts';
import { parseXml, readRelations } from './xml.ts';
import { dateStyles, dateText } from './xlsx-dates.ts';
import { unzip } from './zip.ts';

const WORKBOOK = 'xl/workbook.xml';
const WANTED =
  /^xl\/(workbook|sharedStrings|styles)\.xml$|^xl\/_rels\/workbook\.xml\.rels$|^xl\/worksheets\/[^/]+\.xml$/;
/** Empty columns between two cells beyond this say nothing. */
const WIDEST_GAP = 16;

/** Strings that cells refer to by number. Phonetic guides (`rPh`) repeat the text and are left out. */
function sharedStrings(name: string, files: ReadonlyMap<string, Uint8Array>): string[] {
  const part = 'xl/sharedStrings.xml';
  const strings: string[] = [];
  if (!files.has(part)) return strings;
  let text = '';
  let inText = false;
  let phonetic = false;
  parseXml(name, part, files.get(part), {
    open(element) {
      if (element === 'si') text = '';
      else if (element === 'rPh') phonetic = true;
      else if (element === 't') inText = !phonetic;
    },
    text(piece) {
      if (inText) text += piece;
    },
    close(element) {
      if (element === 'si') strings.push(text);
      else if (element === 'rPh') phonetic = false;
      else if (element === 't') inText = false;
    },
  });
  return strings;
}

/** `BC12` -> 54 (columns count from 0). */
function columnOf(reference: string): number {
  let column = 0;
  for (const letter of /^[A-Z]{1,3}/.exec(reference)?.[0] ?? '') column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}

interface Cell {
  type: string;
  style: number;
  value: string;
}

/** Lines of one sheet. */
class SheetReader {
  readonly lines: string[] = [];
  readonly #name: string;
  readonly #show: (cell: Cell) => string;
  #row: string[] = [];
  #column = -1;
  #cells = 0;
  /** Shown so far: a long string may stand in a million cells. */
  #characters = 0;
  #cell: Cell | null = null;
  #inValue = false;

  constructor(name: string, show: (cell: Cell) => string) {
    this.#name = name;
    this.#show = show;
  }

  open(element: string, attributes: Record<string, string>): void {
    if (element === 'c') {
      if (++this.#cells > SHEET_CELLS)
        throw badDocument(this.#name, `A sheet has more than ${SHEET_CELLS} cells. Save a smaller part of it.`);
      const column = columnOf(attributes['r'] ?? '');
      const gap = Math.min(WIDEST_GAP, column - this.#column - 1);
      for (let i = 0; i < gap; i++) this.#row.push('');
      this.#column = column < 0 ? this.#column + 1 : column;
      this.#cell = { type: attributes['t'] ?? 'n', style: Number(attributes['s'] ?? -1), value: '' };
    } else if (element === 'row') {
      this.#row = [];
      this.#column = -1;
    } else if (element === 'v' || element === 't') this.#inValue = true;
  }

  text(text: string): void {
    if (this.#inValue && this.#cell) this.#cell.value += text;
  }

  close(element: string): void {
    if (element === 'v' || element === 't') this.#inValue = false;
    else if (element === 'c' && this.#cell) {
      // What goes beyond the limit is cut by the collector, which says so.
      const shown = this.#characters > TEXT_CHARACTERS ? '' : this.#show(this.#cell).replace(/\s+/g, ' ');
      this.#characters += shown.length;
      this.#row.push(shown);
      this.#cell = null;
    } else if (element === 'row') {
      const line = this.#row.join('\t').trimEnd();
      if (line !== '') this.lines.push(line);
    }
  }
}

export function readXlsx(name: string, bytes: Uint8Array, onPage: (done: number) => void): ReadDocument {
  const files = unzip(name, bytes, WANTED);
  const targets = readRelations(name, WORKBOOK, files);
  /** By part: a sheet that is listed again was read. */
  const sheets = new Map<string, string>();
  let from1904 = false;
  parseXml(name, WORKBOOK, files.get(WORKBOOK), {
    open(element, attributes) {
      const part = targets.get(attributes['r:id'] ?? '');
      if (element === 'sheet' && part && files.has(part)) sheets.set(part, attributes['name'] ?? '');
      if (element === 'workbookPr') from1904 = /^(1|true)$/.test(attributes['date1904'] ?? '');
    },
  });
  const strings = sharedStrings(name, files);
  const dates = dateStyles(name, files);
  const show = ({ type, style, value }: Cell): string => {
    if (type === 's') return strings[Number(value)] ?? '';
    if (type === 'b') return value === '1' ? 'TRUE' : 'FALSE';
    return type === 'n' && value !== '' && dates.has(style) ? dateText(Number(value), from1904) : value;
  };
  const collector = new PageCollector(onPage);
  for (const [part, label] of sheets) {
    if (collector.full) break;
    const reader = new SheetReader(name, show);
    parseXml(name, part, files.get(part), {
      open: (element, attributes) => reader.open(element, attributes),
      text: (text) => reader.text(text),
      close: (element) => reader.close(element),
    });
    collector.add(reader.lines.join('\n'), label);
  }
  return { kind: 'xlsx', unit: 'sheet', pages: collector.pages, gaps: collector.gaps(sheets.size) };
}
