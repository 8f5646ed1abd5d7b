/** Word documents. Pages are those that Word saw when it saved the file; a file without such marks is cut into parts. */
import type { ReadDocument } from '../../shared/document-types.ts';
import { officeText } from './office-text.ts';
import { PageCollector, partsOf, tidy } from './pages.ts';
import { unzip } from './zip.ts';

const WANTED = /^word\/(document|footnotes|endnotes)\.xml$/;
const PAGE_BREAK = '\f';

/** Text of one part; page breaks are form feeds. */
const textOf = (name: string, part: string, bytes: Uint8Array | undefined): string =>
  officeText(name, part, bytes, (element, attributes) => {
    // With a position it sets a tab stop of the paragraph.
    if (element === 'tab' && attributes['w:pos'] === undefined) return '\t';
    if (element === 'lastRenderedPageBreak') return PAGE_BREAK;
    if (element === 'br') return attributes['w:type'] === 'page' ? PAGE_BREAK : '\n';
    return undefined;
  });

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
  collector.addAll(texts);
  return {
    kind: 'docx',
    unit: hasPages ? 'page' : 'part',
    pages: collector.pages,
    gaps: collector.gaps(texts.length).filter(({ kind }) => kind === 'cut'),
  };
}
