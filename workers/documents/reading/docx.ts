/** Word documents. Pages are those that Word saw when it saved the file; a file without such marks is cut into parts. */
import type { ReadDocument } from '../../shared/document-types.ts';
import { PageCollector, partsOf, tidy } from './pages.ts';
import { parseXml } from './xml.ts';
import { unzip } from './zip.ts';

const WANTED = /^word\/(document|footnotes|endnotes)\.xml$/;
const PAGE_BREAK = '\f';

/** Text of one part; page breaks are form feeds. */
function textOf(name: string, part: string, bytes: Uint8Array | undefined): string {
  const out: string[] = [];
  let inText = false;
  // AlternateContent has the same text twice: for readers that know a feature, and for the others.
  let fallback = 0;
  parseXml(name, part, bytes, {
    open(element, attributes) {
      if (element === 'Fallback') fallback++;
      if (fallback > 0) return;
      if (element === 't') inText = true;
      else if (element === 'tab') out.push('\t');
      else if (element === 'lastRenderedPageBreak') out.push(PAGE_BREAK);
      else if (element === 'br') out.push(attributes['w:type'] === 'page' ? PAGE_BREAK : '\n');
    },
    text(text) {
      if (inText && fallback === 0) out.push(text);
    },
    close(element) {
      if (element === 'Fallback') fallback--;
      else if (element === 't') inText = false;
      else if (element === 'tc') out.push('\t');
      else if (element === 'p' || element === 'tr') out.push('\n');
    },
  });
  // A paragraph ends inside its cell; the cells of a row belong on one line.
  return out.join('').replace(/\n\t/g, '\t');
}

export function readDocx(name: string, bytes: Uint8Array, onPage: (done: number) => void): ReadDocument {
  const files = unzip(name, bytes, WANTED);
  const body = textOf(name, 'word/document.xml', files.get('word/document.xml'));
  const notes = ['word/footnotes.xml', 'word/endnotes.xml']
    .filter((part) => files.has(part))
    .map((part) => textOf(name, part, files.get(part)).trim())
    .filter((text) => text !== '');
  // Word writes a break twice where a person put it at the end of a page.
  const broken = body.split(/\f(?:\s*\f)?/);
  const hasPages = broken.length > 1;
  const texts = hasPages ? broken : partsOf(tidy(body));
  if (notes.length > 0) texts.push(notes.join('\n'));
  const collector = new PageCollector(onPage);
  for (const text of texts) if (!collector.full) collector.add(text);
  return {
    kind: 'docx',
    unit: hasPages ? 'page' : 'part',
    pages: collector.pages,
    gaps: collector.gaps(texts.length).filter(({ kind }) => kind === 'cut'),
  };
}
