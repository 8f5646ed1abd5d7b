/** HTML as text, by htmlparser2, which reads whatever people write and runs nothing. Used for web pages and for the chapters of EPUB. */
import { Parser } from 'htmlparser2';
import type { ReadDocument } from '../../shared/document-types.ts';
import { encodingOf } from './encoding.ts';
import { badDocument, HTML_DEPTH, HTML_LOOKS } from './limits.ts';
import { PageCollector, partsOf, tidy } from './pages.ts';

/** What a reader of the page does not see. */
const HIDDEN = new Set([
  'script',
  'style',
  'template',
  'noscript',
  'svg',
  'math',
  'iframe',
  'object',
  'select',
  'rt',
  'rp',
]);
const BLOCKS = new Set(
  (
    'address article aside blockquote body br caption dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p ' +
    'pre section summary table tr ul'
  ).split(' '),
);
const PARAGRAPHS = new Set('blockquote h1 h2 h3 h4 h5 h6 p pre table ul ol'.split(' '));
const HEADINGS = new Set(['h1', 'h2', 'h3']);

export interface HtmlText {
  text: string;
  /** The first heading, else the title; null: neither. */
  title: string | null;
}

/** A document type with declarations of its own, which HTML does not have and its parsers take for text. */
const DECLARATIONS = /^(\s*<\?xml[^>]*>)?\s*<!DOCTYPE[^>[]*\[[^\]]*\]\s*>/i;

/** Bounds what end tags without an element cost: each is looked for among all open elements. */
class BoundedParser extends Parser {
  /** Elements that are open. */
  depth = 0;
  name = '';
  #looks = 0;

  override onclosetag(start: number, endIndex: number): void {
    if ((this.#looks += this.depth) > HTML_LOOKS)
      throw badDocument(
        this.name,
        'Its end tags do not fit its elements, so it was not read. Save the text that you need as a text file.',
      );
    super.onclosetag(start, endIndex);
  }
}

/** Throws `bad-document` for HTML that is nested without end, or whose end tags fit nothing. */
export function htmlText(name: string, html: string): HtmlText {
  const out: string[] = [];
  let hidden = 0;
  let pre = 0;
  let inTitle = false;
  let title = '';
  let heading: string | null = null;
  let inHeading = false;
  const breakLine = (tag: string) => {
    if (BLOCKS.has(tag)) out.push(PARAGRAPHS.has(tag) ? '\n\n' : '\n');
    else if (tag === 'td' || tag === 'th') out.push('\t');
  };
  const parser = new BoundedParser(
    {
      onopentagname(tag) {
        if (++parser.depth > HTML_DEPTH)
          throw badDocument(
            name,
            `Its elements are nested more than ${HTML_DEPTH} deep, so it was not read. Save the text that you need as a text file.`,
          );
        if (HIDDEN.has(tag)) hidden++;
        else if (tag === 'title') inTitle = true;
        if (tag === 'pre') pre++;
        if (HEADINGS.has(tag) && heading === null) {
          inHeading = true;
          heading = '';
        }
        if (tag !== 'td' && tag !== 'th') breakLine(tag);
      },
      ontext(text) {
        if (hidden > 0) return;
        if (inTitle) title += text;
        else out.push(pre > 0 ? text : text.replace(/\s+/g, ' '));
        if (inHeading) heading += text;
      },
      onclosetag(tag) {
        parser.depth--;
        if (HIDDEN.has(tag)) hidden = Math.max(0, hidden - 1);
        else if (tag === 'title') inTitle = false;
        if (tag === 'pre') pre = Math.max(0, pre - 1);
        if (HEADINGS.has(tag)) inHeading = false;
        if (tag !== 'br' && tag !== 'hr') breakLine(tag);
      },
    },
    { decodeEntities: true, recognizeSelfClosing: false },
  );
  parser.name = name;
  parser.write(html.replace(DECLARATIONS, ''));
  parser.end();
  const line = (text: string | null) => text?.replace(/\s+/g, ' ').trim() || null;
  return { text: tidy(out.join('').split('\n').map(trimSpaces).join('\n')), title: line(heading) ?? line(title) };
}

/** Without spaces at both ends; tabs, which part the cells of a row, stay. */
function trimSpaces(line: string): string {
  let [start, end] = [0, line.length];
  while (line[start] === ' ') start++;
  while (end > start && line[end - 1] === ' ') end--;
  return line.slice(start, end);
}

/** Bytes of a web page as text: by its byte order mark, else the encoding that it names, else UTF-8. */
export function decodeHtml(bytes: Uint8Array): string {
  const marked = encodingOf(bytes);
  if (marked !== 'utf-8') return new TextDecoder(marked).decode(bytes);
  const [a, b, c] = bytes;
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 2_048));
  const named =
    a === 0xef && b === 0xbb && c === 0xbf ? undefined : /(?:charset|encoding)\s*=\s*["']?([\w-]+)/i.exec(head)?.[1];
  try {
    return new TextDecoder(named ?? 'utf-8').decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes); // No browser knows the encoding that it names.
  }
}

export function readHtml(name: string, bytes: Uint8Array, onPage: (done: number) => void): ReadDocument {
  const collector = new PageCollector(onPage);
  const parts = partsOf(htmlText(name, decodeHtml(bytes)).text);
  collector.addAll(parts);
  return { kind: 'html', unit: 'part', pages: collector.pages, gaps: collector.gaps(parts.length) };
}
