/** Counts what crosses between the evaluation worker and the WebNN device, by wrapping the API before the worker's own code runs. */
import type { Page } from 'playwright';
import type { MLContext, MLGraphBuilder, MLTensor } from '../../workers/engine/webnn/api.ts';
import { EVALUATION, evaluationWorker, inject } from './inject.ts';

/** Everything up to a read. */
export interface WebnnRead {
  /** From the device. */
  readBytes: number;
  /** To the device. */
  writtenBytes: number;
  dispatches: number;
}

interface WebnnLog {
  reads: WebnnRead[];
  writtenBytes: number;
  dispatches: number;
  wishes: unknown[];
  graphs: number;
  devices: string[];
}
type Wrapped = typeof globalThis & {
  webnnLog: WebnnLog;
  ML: { prototype: { createContext: unknown } };
  MLContext: { prototype: MLContext };
  MLGraphBuilder: { prototype: MLGraphBuilder };
};

/** Runs in the worker. */
function wrap(): void {
  const scope = globalThis as Wrapped;
  const log: WebnnLog = { reads: [], writtenBytes: 0, dispatches: 0, wishes: [], graphs: 0, devices: [] };
  scope.webnnLog = log;
  const around = (owner: object, name: string, see: (args: unknown[], result: unknown) => void) => {
    const original = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
    Reflect.set(owner, name, function (this: unknown, ...args: unknown[]) {
      const result = original.apply(this, args);
      see(args, result);
      return result;
    });
  };
  const bytesOf = (tensor: MLTensor) =>
    tensor.shape.reduce((product, dim) => product * dim, 1) * (tensor.dataType.endsWith('8') ? 1 : 4);
  around(scope.ML.prototype, 'createContext', ([options]) => log.wishes.push(options));
  around(
    scope.MLContext.prototype,
    'writeTensor',
    ([, data]) => (log.writtenBytes += (data as ArrayBufferView).byteLength),
  );
  around(scope.MLContext.prototype, 'dispatch', () => log.dispatches++);
  around(scope.MLContext.prototype, 'readTensor', ([tensor]) => {
    log.reads.push({
      readBytes: bytesOf(tensor as MLTensor),
      writtenBytes: log.writtenBytes,
      dispatches: log.dispatches,
    });
    log.writtenBytes = log.dispatches = 0;
  });
  around(scope.MLGraphBuilder.prototype, 'build', (_, built) => {
    void (built as Promise<{ devices?: readonly string[] }>).then((graph) => {
      log.graphs++;
      log.devices.push(...(graph.devices ?? []));
    });
  });
}

/** Wraps the API in every evaluation worker that `page` starts from now on. */
export const watchWebnn = (page: Page): Promise<void> => inject(page, EVALUATION, wrap, null);

/** Events since the last call. */
export const takeWebnnReads = (page: Page): Promise<WebnnRead[]> =>
  evaluationWorker(page).evaluate(() => (globalThis as Wrapped).webnnLog.reads.splice(0));

/** Requested devices and built graphs. */
export const webnnFacts = (page: Page): Promise<Pick<WebnnLog, 'wishes' | 'graphs' | 'devices'>> =>
  evaluationWorker(page).evaluate(() => {
    const { wishes, graphs, devices } = (globalThis as Wrapped).webnnLog;
    return { wishes, graphs, devices };
  });
