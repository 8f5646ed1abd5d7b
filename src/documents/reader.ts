/** Reads a file in a worker of its own, which is ended afterwards, or when it takes too long. */
import { proxy, releaseProxy, wrap, type Endpoint, type Remote } from 'comlink';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import type {
  FetchPdfData,
  PageMark,
  PagePicture,
  ReadDocument,
  ReaderApi,
} from '../../workers/shared/document-types.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { unlessSilent } from '../../workers/shared/silence.ts';
import { startWorker, unlessDead, type WorkerThread } from '../../workers/shared/worker-thread.ts';
import readerUrl from '../../workers/reader.worker.ts?worker&url';

/** Without a page read in this time, the file is given up. A slow phone reads a page in less than a second. */
const PAGE_DEADLINE_MS = 30_000;

/** The thread that reads, as far as it must be known here. */
type ReaderThread = Pick<WorkerThread, 'died' | 'terminate'> & { worker: Endpoint };

const fetchData: FetchPdfData = async (archive) => {
  const response = await fetch(new URL(archive, document.baseURI));
  if (!response.ok)
    throw new PhiError('network', `The fonts of this PDF could not be loaded (${archive}: HTTP ${response.status}).`, {
      status: response.status,
    });
  return response.arrayBuffer();
};

/**
 * Rejects with `bad-document` for a file that cannot be read or takes too long, and with `worker-died` when the worker ends under it (want of
 * memory, for example).
 * @param onPage called with the number of pages read so far
 */
export async function readFile(
  file: File,
  onPage: (done: number) => void = () => undefined,
  start: () => ReaderThread = () => startWorker(readerUrl, 'reader'),
): Promise<ReadDocument> {
  installErrorTransfer();
  const thread = start();
  const api = wrap<ReaderApi>(thread.worker);
  let pages = 0;
  const late = () =>
    new PhiError(
      'bad-document',
      `${file.name}: The app stopped reading because page ${pages + 1} took longer than ${PAGE_DEADLINE_MS / 1000} seconds. The file may be malicious or too large for this device.`,
    );
  try {
    return await unlessSilent(PAGE_DEADLINE_MS, late, (heard) => {
      const count = (done: number) => {
        pages = done;
        heard();
        onPage(done);
      };
      const read = api.read(file, proxy(fetchData), proxy(count));
      return unlessDead(thread, `The worker that reads ${file.name}`, read);
    });
  } finally {
    api[releaseProxy]();
    thread.terminate();
  }
}

/** Draws pages of one PDF, in a worker of its own that starts with the first page. */
export class PdfDrawing {
  readonly #file: Blob;
  readonly #start: () => ReaderThread;
  #opened: { thread: ReaderThread; api: Remote<ReaderApi>; ready: Promise<void> } | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: Blob, start: () => ReaderThread = () => startWorker(readerUrl, 'reader')) {
    this.#file = file;
    this.#start = start;
  }

  /** One page after another. Rejects with `bad-document` for a page that takes too long, and with `worker-died`; the next page starts another worker. */
  draw(page: number, width: number, mark: PageMark | null): Promise<PagePicture> {
    const drawn = this.#turn.then(() => this.#draw(page, width, mark));
    this.#turn = drawn.catch(() => undefined); // whoever asked for that page hears of it
    return drawn;
  }

  async #draw(page: number, width: number, mark: PageMark | null): Promise<PagePicture> {
    const { thread, api, ready } = (this.#opened ??= this.#open());
    const late = () =>
      new PhiError(
        'bad-document',
        `The app stopped drawing page ${page} because it took longer than ${PAGE_DEADLINE_MS / 1000} seconds.`,
      );
    try {
      const work = ready.then(() => api.drawPage(page, width, mark));
      return await unlessSilent(PAGE_DEADLINE_MS, late, () =>
        unlessDead(thread, 'The worker that draws the page', work),
      );
    } catch (cause) {
      this.end();
      throw PhiError.from(cause, 'bad-document');
    }
  }

  end(): void {
    this.#opened?.api[releaseProxy]();
    this.#opened?.thread.terminate();
    this.#opened = null;
  }

  #open() {
    installErrorTransfer();
    const thread = this.#start();
    const api = wrap<ReaderApi>(thread.worker);
    const ready = api.openPdf(this.#file, proxy(fetchData));
    ready.catch(() => undefined); // each page that waits for it hears of it
    return { thread, api, ready };
  }
}
