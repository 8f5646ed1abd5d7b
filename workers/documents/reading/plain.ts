/** Markdown, source code and other text, as it stands. */
import type { ReadDocument } from '../../shared/document-types.ts';
import { PhiError } from '../../shared/errors.ts';
import { encodingOf } from './encoding.ts';
import { PageCollector, partsOf } from './pages.ts';

const MARKDOWN = /\.(md|markdown|mdx)$/i;

/** Throws `bad-document` for bytes that are not text in UTF-8, or in UTF-16 with a byte order mark. */
export function readPlain(name: string, bytes: Uint8Array, onPage: (done: number) => void): ReadDocument {
  let text: string;
  try {
    text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch (cause) {
    throw notRead(name, { cause });
  }
  if (text.includes('\0')) throw notRead(name);
  const collector = new PageCollector(onPage);
  const parts = partsOf(text.replace(/\r\n?/g, '\n'));
  collector.addAll(parts);
  const kind = MARKDOWN.test(name) ? 'markdown' : 'text';
  return { kind, unit: 'part', pages: collector.pages, gaps: collector.gaps(parts.length) };
}

const notRead = (name: string, options?: ErrorOptions): PhiError =>
  new PhiError(
    'bad-document',
    `${name} is not a text file in UTF-8, and not a PDF, DOCX, PPTX, XLSX, EPUB or HTML file, so it cannot be attached.`,
    undefined,
    options,
  );
