/** Entry of the engine worker. */
import { expose } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { Engine } from './engine/service.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';

holdWorkerLock();
installErrorTransfer();
expose(new Engine());
