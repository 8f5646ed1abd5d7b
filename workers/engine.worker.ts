/** Entry of the engine worker. */
import { expose } from 'comlink';
import { installErrorTransfer } from './comlink-errors.ts';
import { Engine } from './engine.ts';

installErrorTransfer();
expose(new Engine());
