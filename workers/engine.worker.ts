/** Entry of the engine worker. */
import { expose } from 'comlink';
import { installErrorTransfer } from './comlink-errors.ts';
import { Engine } from './engine.ts';
import { holdLifeline } from './lifeline.ts';

holdLifeline();
installErrorTransfer();
expose(new Engine());
