/**
 * pdf.js in this very thread: it gets no worker, no network and no WebAssembly, so scripts and fonts in a file are data to it. Its data files come from
 * the page as archives, when a font asks for them.
 */
import type { PDFDocumentLoadingTask } from 'pdfjs-dist';
import type { FetchPdfData, PdfData } from '../../shared/document-types.ts';
import { ARRAY_BYTES } from './limits.ts';
import { guardMemory, type MemoryGuard } from './memory-guard.ts';
import { unzip } from './zip.ts';

/** pdf.js asks for its data files by kind and name. */
interface DataRequest {
  kind: string;
  filename: string;
}
const ARCHIVES: Partial<Record<string, PdfData>> = { cMapUrl: 'pdf-cmaps.zip', standardFontDataUrl: 'pdf-fonts.zip' };

/** The class that pdf.js makes to get its data files. */
function dataFactory(fetchData: FetchPdfData, fonts: boolean) {
  const unpacked = new Map<PdfData, Promise<Map<string, Uint8Array>>>();
  const open = (archive: PdfData) =>
    fetchData(archive).then((bytes) => unzip(archive, new Uint8Array(bytes), /\.(?:bcmap|pfb|ttf)$/));
  return class {
    async fetch({ kind, filename }: DataRequest): Promise<Uint8Array> {
      const archive = ARCHIVES[kind];
      if (!archive || (archive === 'pdf-fonts.zip' && !fonts)) throw new Error(`${filename} is not needed.`);
      const files = unpacked.get(archive) ?? open(archive);
      unpacked.set(archive, files);
      const file = (await files).get(filename);
      if (!file) throw new Error(`There is no file ${filename} in ${archive}.`);
      // pdf.js moves it to another thread.
      return file.slice();
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

export interface PdfJs {
  guard: MemoryGuard;
  PasswordException: new (...parameters: never[]) => object;
  /** Begins to read a file. `drawing`: false leaves out the fonts and the canvas, for reading text. */
  open: (bytes: Uint8Array, fetchData: FetchPdfData, drawing: false | CanvasClasses) => PDFDocumentLoadingTask;
}

/** What pdf.js needs to draw: see pdf-picture.ts. */
export interface CanvasClasses {
  CanvasFactory: object;
  FilterFactory: object;
}

/** Loaded when the first PDF is read. `arrayBytes`: limit of what one stream may unpack to. */
export async function loadPdfJs(arrayBytes = ARRAY_BYTES): Promise<PdfJs> {
  addWithResolvers();
  const guard = guardMemory(arrayBytes);
  const [{ getDocument, VerbosityLevel, PasswordException }, core] = await Promise.all([
    import('pdfjs-dist/legacy/build/pdf.mjs'),
    // @ts-expect-error -- it has no types; pdf.js looks for it under this global name before it starts a worker
    import('pdfjs-dist/legacy/build/pdf.worker.mjs') as Promise<unknown>,
  ]);
  (globalThis as { pdfjsWorker?: unknown }).pdfjsWorker = core;
  const open: PdfJs['open'] = (data, fetchData, drawing) =>
    getDocument({
      data,
      ...(drawing || {}),
      BinaryDataFactory: dataFactory(fetchData, drawing !== false),
      useWorkerFetch: false,
      useWasm: false,
      useSystemFonts: false,
      // Letters are drawn as paths, so a font of the file never reaches the browser's own font code.
      disableFontFace: true,
      isOffscreenCanvasSupported: false,
      isImageDecoderSupported: false,
      cMapUrl: 'cmaps/',
      cMapPacked: true,
      standardFontDataUrl: 'fonts/',
      stopAtErrors: false,
      enableXfa: false,
      verbosity: VerbosityLevel.ERRORS,
    });
  return { guard, PasswordException, open };
}
