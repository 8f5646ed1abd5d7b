/** The text of PDF files, by pdf.js. */
import type { PDFPageProxy } from 'pdfjs-dist';
import { PhiError } from '../../shared/errors.ts';
import type { FetchPdfData, ReadDocument } from '../../shared/document-types.ts';
import { ARRAY_BYTES, badDocument, megabytes, PAGE_MS } from './limits.ts';
import type { MemoryGuard } from './memory-guard.ts';
import { PageCollector } from './pages.ts';
import { loadPdfJs } from './pdf-js.ts';
import { withinTime } from './time-guard.ts';

/** Parsed fonts and images are dropped after this many pages. */
const CLEAN_UP_PAGES = 50;

/** Text of a page, line by line. A word that is broken at the end of a line is joined. */
async function pageText(page: PDFPageProxy): Promise<string> {
  const { items } = await page.getTextContent();
  const pieces = items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : ''));
  return pieces.join('').replace(/(\p{Ll})-\n(\p{Ll})/gu, '$1$2');
}

function assertWithin(name: string, guard: MemoryGuard, before: number): void {
  if (guard.refused > before)
    throw badDocument(
      name,
      `A part of the file unpacks to more than ${megabytes(ARRAY_BYTES)}, so it was not read. It may be a bomb of compressed data.`,
    );
}

/**
 * @param arrayBytes limit of what one stream may unpack to
 * @param pageMs limit of what one page may take
 */
export async function readPdf(
  name: string,
  bytes: Uint8Array,
  fetchData: FetchPdfData,
  onPage: (done: number) => void,
  arrayBytes = ARRAY_BYTES,
  pageMs = PAGE_MS,
): Promise<ReadDocument> {
  const { open, PasswordException, guard } = await loadPdfJs(arrayBytes);
  const before = guard.refused;
  const task = open(bytes, fetchData, false);
  try {
    const pdf = await task.promise;
    const collector = new PageCollector(onPage);
    for (let number = 1; number <= pdf.numPages && !collector.full; number++) {
      const text = await withinTime(pageMs, () => pdf.getPage(number).then(pageText)).catch(() => null);
      assertWithin(name, guard, before);
      collector.add(text);
      if (number % CLEAN_UP_PAGES === 0) await pdf.cleanup();
    }
    if (!collector.hasText)
      throw badDocument(
        name,
        'The PDF has no text. It is probably scanned: its pages are pictures, which this app does not read.',
      );
    return { kind: 'pdf', unit: 'page', pages: collector.pages, gaps: collector.gaps(pdf.numPages) };
  } catch (cause) {
    if (cause instanceof PhiError) throw cause;
    if (cause instanceof PasswordException)
      throw badDocument(name, 'The PDF is protected by a password. Save a copy without one and attach that.', {
        cause,
      });
    assertWithin(name, guard, before);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw badDocument(name, `The PDF is damaged and cannot be read (${why}).`, { cause });
  } finally {
    await task.destroy();
  }
}
