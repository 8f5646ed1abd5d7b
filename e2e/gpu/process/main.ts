/**
 * Entry of the GPU process: a Node with JSPI that looks like a web worker with WebGPU. `main.ts DAWN [WORKER]` installs Dawn's `navigator.gpu` from the
 * folder DAWN, answers the test's witness, and runs the worker's module. PHI_PATIENCE multiplies the engine's limits for devices that do not answer.
 */
import { pathToFileURL } from 'node:url';
import 'fake-indexeddb/auto';
import { expose } from 'comlink';
import { waitLonger } from '../../../workers/engine/choose/testing/patience.ts';
import { channel, installGpu, installWorker } from './shim.ts';
import { witness } from './witness.ts';

const [dawn, worker] = process.argv.slice(2);
if (dawn === undefined) throw new Error('Usage: main.ts DAWN-FOLDER [WORKER-MODULE]');
installGpu(dawn);
expose(witness, channel('witness'));
installWorker(channel('worker'));
waitLonger(Number(process.env.PHI_PATIENCE ?? 1));
process.on('disconnect', () => process.exit());
if (worker !== undefined) await import(pathToFileURL(worker).href);
