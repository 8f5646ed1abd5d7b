/** Times a graph with onnxruntime-web as it is: load, then single tokens. The worker is thrown away afterwards, whatever became of it. */
import { expose } from 'comlink';
import type { Tensor } from 'onnxruntime-web';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import { loadOrt, makeSession, preferredBuild } from '../../workers/engine/runtime/ort.ts';
import { PhiError } from '../../workers/shared/errors.ts';

export interface TimingRequest {
  threads: number;
  /** The graph, and its .data file, as URLs. */
  model: string;
  data: string;
  /** Inputs: float32 zeros of the shape, or an int64 scalar's value. */
  feeds: Record<string, { dims: number[]; int64?: number }>;
  rounds: number;
}

export interface TimingResult {
  loadMs: number;
  /** Time of each round after the first two, which are slower. */
  runMs: number[];
}

const WARM_UP = 2;

const api = {
  async time({ threads, model, data, feeds, rounds }: TimingRequest): Promise<TimingResult> {
    const ort = await loadOrt(preferredBuild(), threads);
    const start = performance.now();
    const externalData = [{ path: 'model.onnx.data', data: await (await fetch(data)).blob() }];
    const graph = new Uint8Array(await (await fetch(model)).arrayBuffer());
    let session;
    try {
      session = await makeSession(ort, graph, { executionProviders: ['wasm'], logSeverityLevel: 3, externalData });
    } catch (cause) {
      throw new PhiError(
        'backend',
        `after ${((performance.now() - start) / 1000).toFixed(1)} s: ${PhiError.from(cause).message}`,
        undefined,
        { cause },
      );
    }
    const loadMs = performance.now() - start;
    const inputs: Record<string, Tensor> = {};
    for (const [name, { dims, int64 }] of Object.entries(feeds)) {
      const count = dims.reduce((product, dim) => product * dim, 1);
      inputs[name] =
        int64 === undefined
          ? new ort.Tensor(
              'float32',
              Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
              dims,
            )
          : new ort.Tensor('int64', new BigInt64Array(count).fill(BigInt(int64)), dims);
    }
    const runMs: number[] = [];
    for (let round = -WARM_UP; round < rounds; round++) {
      const began = performance.now();
      const outputs = await session.run(inputs);
      if (round >= 0) runMs.push(performance.now() - began);
      for (const output of Object.values(outputs)) output.dispose();
    }
    await session.release();
    return { loadMs, runMs };
  },
};

export type StageTimes = typeof api;
installErrorTransfer();
expose(api);
