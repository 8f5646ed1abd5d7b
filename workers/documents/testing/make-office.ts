/** Office files and EPUB for tests: the smallest archives that hold what a reader looks at. */
import { strToU8, zipSync } from 'fflate';

export const archive = (files: Record<string, string | Uint8Array>): Uint8Array<ArrayBuffer> =>
  zipSync(
    Object.fromEntries(
      Object.entries(files).map(([name, content]) => [name, typeof content === 'string' ? strToU8(content) : content]),
    ),
  );

export const escapeXml = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';

/** Paragraphs as they are given; a form feed begins a new page. */
export function makeDocx(paragraphs: readonly string[], more: Record<string, string> = {}): Uint8Array<ArrayBuffer> {
  const run = (text: string) =>
    text === '\f'
      ? '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
      : `<w:p><w:r><w:t>${escapeXml(text)}</w:t></w:r></w:p>`;
  return archive({
    '[Content_Types].xml': '<Types/>',
    'word/document.xml': `<?xml version="1.0"?><w:document ${W}><w:body>${paragraphs.map(run).join('')}</w:body></w:document>`,
    ...more,
  });
}

/** Slides by their text; the second value is the speaker's notes. The archive has them in another order than the presentation. */
export function makePptx(
  slides: readonly (readonly [text: string, notes?: string])[],
  more: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const paragraph = (text: string) => `<a:p><a:r><a:t>${escapeXml(text)}</a:t></a:r></a:p>`;
  const relation = (id: string, target: string) => `<Relationship Id="${id}" Target="${target}"/>`;
  const number = (i: number) => slides.length - i;
  const files: Record<string, string> = {
    'ppt/presentation.xml': `<p:presentation>${slides.map((_, i) => `<p:sldId id="${i}" r:id="r${i}"/>`).join('')}</p:presentation>`,
    'ppt/_rels/presentation.xml.rels': `<Relationships>${slides.map((_, i) => relation(`r${i}`, `slides/slide${number(i)}.xml`)).join('')}</Relationships>`,
  };
  for (const [i, [text, notes]] of slides.entries()) {
    files[`ppt/slides/slide${number(i)}.xml`] =
      `<p:sld>${text.split('\n').map(paragraph).join('')}<a:fld type="slidenum"><a:t>99</a:t></a:fld></p:sld>`;
    if (notes === undefined) continue;
    files[`ppt/slides/_rels/slide${number(i)}.xml.rels`] =
      `<Relationships>${relation('n', `../notesSlides/notesSlide${i}.xml`)}${relation('x', '../media/a.png')}</Relationships>`;
    files[`ppt/notesSlides/notesSlide${i}.xml`] = `<p:notes>${paragraph(notes)}</p:notes>`;
  }
  return archive({ ...files, ...more });
}

type Value = string | number | boolean | { days: number };

/** Sheets by their name. Text goes into the shared strings. */
export function makeXlsx(sheets: Record<string, readonly (readonly (Value | null)[])[]>): Uint8Array<ArrayBuffer> {
  const strings: string[] = [];
  const cell = (value: Value | null, row: number, column: number): string => {
    const reference = `${String.fromCharCode(65 + column)}${row + 1}`;
    if (value === null) return '';
    if (typeof value === 'string') return `<c r="${reference}" t="s"><v>${strings.push(value) - 1}</v></c>`;
    if (typeof value === 'boolean') return `<c r="${reference}" t="b"><v>${Number(value)}</v></c>`;
    return typeof value === 'number'
      ? `<c r="${reference}"><f>1+1</f><v>${value}</v></c>`
      : `<c r="${reference}" s="1"><v>${value.days}</v></c>`;
  };
  const files: Record<string, string> = {};
  const names = Object.keys(sheets);
  for (const [i, rows] of Object.values(sheets).entries()) {
    const lines = rows.map(
      (row, at) => `<row r="${at + 1}">${row.map((value, column) => cell(value, at, column)).join('')}</row>`,
    );
    files[`xl/worksheets/sheet${i + 1}.xml`] = `<worksheet><sheetData>${lines.join('')}</sheetData></worksheet>`;
  }
  const si = (text: string) => `<si><r><t>${escapeXml(text)}</t></r><rPh><t>ふりがな</t></rPh></si>`;
  return archive({
    ...files,
    'xl/workbook.xml': `<workbook><sheets>${names.map((name, i) => `<sheet name="${escapeXml(name)}" r:id="s${i}"/>`).join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships>${names.map((_, i) => `<Relationship Id="s${i}" Target="worksheets/sheet${i + 1}.xml"/>`).join('')}</Relationships>`,
    'xl/sharedStrings.xml': `<sst>${strings.map(si).join('')}</sst>`,
    'xl/styles.xml':
      '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>',
  });
}

/** A book with a chapter for each text of HTML. */
export function makeEpub(chapters: readonly string[], more: Record<string, string> = {}): Uint8Array<ArrayBuffer> {
  const items = chapters.map((_, i) => `<item id="c${i}" href="text/c%20${i}.xhtml"/>`).join('');
  const order = chapters.map((_, i) => `<itemref idref="c${i}"/>`).join('');
  return archive({
    mimetype: 'application/epub+zip',
    'META-INF/container.xml': '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
    'OEBPS/book.opf': `<package><manifest>${items}</manifest><spine>${order}</spine></package>`,
    ...Object.fromEntries(chapters.map((html, i) => [`OEBPS/text/c ${i}.xhtml`, html])),
    ...more,
  });
}
