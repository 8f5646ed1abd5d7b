/** Entry of a stage worker. */
import { expose, transfer } from 'comlink';
import { installErrorTransfer } from './shared/comlink-errors.ts';
import { PhiError } from './shared/errors.ts';
import { holdWorkerLock } from './shared/worker-thread.ts';
import { outOfMemory } from './engine/runtime/out-of-memory.ts';
import type { StageApi, StageResult } from './engine/wasm/stage-protocol.ts';
import { Stage } from './engine/wasm/stage.ts';

let stage: Stage | null = null;

const api: StageApi = {
  async load(setup, host) {
    try {
      stage = await Stage.load(setup, host);
    } catch (cause) {
      throw outOfMemory(
        cause,
        `Layers ${setup.layers.from + 1} to ${setup.layers.to} do not fit the memory of their worker. Choose a shorter context.`,
      );
    }
    return stage.facts;
  },
  async run(step) {
    if (!stage) throw new PhiError('internal', 'A stage was run before it was loaded.');
    let result: StageResult;
    try {
      result = await stage.run(step);
    } catch (cause) {
      throw outOfMemory(cause, 'A stage ran out of memory. Choose a shorter context.');
    }
    return transfer(result, result.hidden ? [result.hidden.buffer] : []);
  },
};

holdWorkerLock();
installErrorTransfer();
expose(api);
