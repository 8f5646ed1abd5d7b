/** Entry of the worker that keeps and searches documents. Its policy (headers.ts) lets it reach nothing but the browser's own database. */
import { expose } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';
import { Library } from './documents/library/library.ts';

holdWorkerLock();
installErrorTransfer();
expose(new Library());
