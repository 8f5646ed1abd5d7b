/** Reads a file in a worker of its own, which is ended afterwards, or when it takes too long. */
import { proxy, releaseProxy, wrap, type Endpoint } from 'comlink';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import type { ReadDocument, ReaderApi } from '../../workers/shared/document-types.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { unlessSilent } from '../../workers/shared/silence.ts';
import { startWorker, unlessDead, type WorkerThread } from '../../workers/shared/worker-thread.ts';
import readerUrl from '../../workers/reader.worker.ts?worker&url';

/** Without a page read in this time, the file is given up. A slow phone reads a page in less than a second. */
const PAGE_DEADLINE_MS = 30_000;

/** The thread that reads, as far as it must be known here. */
type ReaderThread = Pick<WorkerThread, 'died' | 'terminate'> & { worker: Endpoint };

/** The archive of character maps, written by the build (scripts/build/pdf-cmaps.ts). */
async function characterMaps(): Promise<ArrayBuffer> {
  const response = await fetch(new URL('pdf-cmaps.zip', document.baseURI));
  if (!response.ok)
    throw new PhiError(
      'network',
      `The character maps of this PDF could not be fetched (pdf-cmaps.zip: HTTP ${response.status}).`,
      { status: response.status },
    );
  return response.arrayBuffer();
}

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
      const read = api.read(file, proxy(characterMaps), proxy(count));
      return unlessDead(thread, `The worker that reads ${file.name}`, read);
    });
  } finally {
    api[releaseProxy]();
    thread.terminate();
  }
}
