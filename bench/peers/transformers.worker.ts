/** transformers.js off the page, as its own documentation advises. */
import { expose } from 'comlink';
import { transformersApi } from './transformers-api.ts';

expose(transformersApi);
