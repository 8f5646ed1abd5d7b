/** Entry of the worker that reads one document. Its policy (headers.ts) lets it reach nothing, and whoever started it may end it at any time. */
import { expose } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import type { ReaderApi } from './shared/document-types.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';
import { readDocument } from './documents/reading/read.ts';

const api: ReaderApi = { read: readDocument };

holdWorkerLock();
installErrorTransfer();
expose(api);
