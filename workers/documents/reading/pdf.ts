/**
 * PDF files, by pdf.js. Its core runs in this very worker: it gets no worker, no network, no fonts and no canvas, so scripts and fonts in a file are
 * data to it. Character maps come from the page as an archive, when the first font asks for one.
 */
import type { PDFPageProxy } from 'pdfjs-dist';
import { PhiError } from '../../shared/errors.ts';
import type { ReadDocument } from '../../shared/document-types.ts';
import { ARRAY_BYTES, badDocument, megabytes } from './limits.ts';
import { guardMemory, type MemoryGuard } from './memory-guard.ts';
import { PageCollector } from './pages.ts';
import { unzip } from './zip.ts';

/** Parsed fonts and images are dropped after this many pages. */
const CLEAN_UP_PAGES = 50;

/** pdf.js asks for its data files by kind and name. */
interface DataRequest {
  kind: string;
  filename: string;
}

/** The class that pdf.js makes to get its data files. */
function dataFactory(characterMaps: () => Promise<ArrayBuffer>) {
  let maps: Promise<Map<string, Uint8Array>> | undefined;
  return class {
    async fetch({ kind, filename }: DataRequest): Promise<Uint8Array> {
      // Fonts are for drawing.
      if (kind !== 'cMapUrl') throw new Error(`${filename} is not needed for reading text.`);
      maps ??= characterMaps().then((archive) => unzip('pdf-cmaps.zip', new Uint8Array(archive), /\.bcmap$/));
      const map = (await maps).get(filename);
      if (!map) throw new Error(`There is no character map ${filename}.`);
      // pdf.js moves it to another thread.
      return map.slice();
    }
  };
}

/** pdf.js expects it of every browser; Safari has it since 17.4. */
function addWithResolvers(): void {
  if ('withResolvers' in Promise) return;
  const withResolvers = function <T>(this: PromiseConstructor) {
    let resolve!: (value: T | PromiseLike<T>) => void;
    let reject!: (reason?: unknown) => void;
    const promise = new this<T>((settle, refuse) => {
      resolve = settle;
      reject = refuse;
    });
    return { promise, resolve, reject };
  };
  Object.defineProperty(Promise, 'withResolvers', { value: withResolvers, configurable: true, writable: true });
}

/** pdf.js's core in this thread. Loaded when the first PDF is read. */
async function loadPdfJs(arrayBytes: number) {
  addWithResolvers();
  const guard = guardMemory(arrayBytes);
  const [{ getDocument, VerbosityLevel, PasswordException }, core] = await Promise.all([
    import('pdfjs-dist/legacy/build/pdf.mjs'),
    // @ts-expect-error -- it has no types; pdf.js looks for it under this global name before it starts a worker
    import('pdfjs-dist/legacy/build/pdf.worker.mjs') as Promise<unknown>,
  ]);
  (globalThis as { pdfjsWorker?: unknown }).pdfjsWorker = core;
  return { getDocument, VerbosityLevel, PasswordException, guard };
}

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

/** @param arrayBytes limit of what one stream may unpack to */
export async function readPdf(
  name: string,
  bytes: Uint8Array,
  characterMaps: () => Promise<ArrayBuffer>,
  onPage: (done: number) => void,
  arrayBytes = ARRAY_BYTES,
): Promise<ReadDocument> {
  const { getDocument, VerbosityLevel, PasswordException, guard } = await loadPdfJs(arrayBytes);
  const before = guard.refused;
  const task = getDocument({
    data: bytes,
    BinaryDataFactory: dataFactory(characterMaps),
    useWorkerFetch: false,
    useWasm: false,
    useSystemFonts: false,
    disableFontFace: true,
    isOffscreenCanvasSupported: false,
    isImageDecoderSupported: false,
    cMapUrl: 'cmaps/',
    cMapPacked: true,
    stopAtErrors: false,
    enableXfa: false,
    verbosity: VerbosityLevel.ERRORS,
  });
  try {
    const pdf = await task.promise;
    const collector = new PageCollector(onPage);
    for (let number = 1; number <= pdf.numPages && !collector.full; number++) {
      const text = await pdf
        .getPage(number)
        .then(pageText)
        .catch(() => null);
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
