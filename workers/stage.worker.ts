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
    let result: StageResult;
    try {
      result = await loaded().run(step);
    } catch (cause) {
      throw outOfMemory(cause, 'A stage ran out of memory. Choose a shorter context.');
    }
    return transfer(result, result.hidden ? [result.hidden.buffer] : []);
  },
  // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous
  async readRows(layer, from, to) {
    const rows = loaded().readRows(layer, from, to);
    return transfer(rows, [rows.keys.buffer, rows.values.buffer]);
  },
  // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous
  async fillRows(layer, count, rows) {
    loaded().fillRows(layer, count, rows);
  },
};

function loaded(): Stage {
  if (!stage) throw new PhiError('internal', 'A stage was asked before it was loaded.');
  return stage;
}

holdWorkerLock();
installErrorTransfer();
expose(api);
