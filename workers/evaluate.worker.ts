/** Entry of the evaluation worker. */
import { expose } from 'comlink';
import { Evaluator } from './evaluate/evaluator.ts';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';

holdWorkerLock();
installErrorTransfer();
expose(new Evaluator());
