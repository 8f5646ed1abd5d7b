/** Entry of the worker that measures one row of the compare page. */
import { expose } from 'comlink';
import { Measurer } from './compare/measurer.ts';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { holdLifeline } from './shared/lifeline.ts';

holdLifeline();
installErrorTransfer();
expose(new Measurer());
