/** Entry of the engine worker. */
import { expose } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { Engine } from './engine/service.ts';
import { holdLifeline } from './shared/lifeline.ts';

holdLifeline();
installErrorTransfer();
expose(new Engine());
