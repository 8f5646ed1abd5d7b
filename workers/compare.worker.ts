/** Entry of the worker that measures one row of the compare page. */
import { expose } from 'comlink';
import { Measurer } from './compare/measurer.ts';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';

holdWorkerLock();
installErrorTransfer();
expose(new Measurer());
