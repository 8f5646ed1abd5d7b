/** Tests a WebNN context with small graphs before a model is built for it. */
import { PhiError } from '../../shared/errors.ts';
import { webnnScope, type MLContext, type MLOperand } from './api.ts';

export interface Probe {
  /** The device of a graph as the browser reports it ("cpu"); null if it does not. Chromium 153 on Linux reports "gpu" for graphs that LiteRT runs on the CPU. */
  devices: readonly string[] | null;
  /** Time of 16 tokens through a matrix over the time of one: near 1 on a GPU or NPU, 3 and more on a CPU. */
  widthRatio: number;
}

const SIZE = 2048;
const LAYERS = 2;
const RUNS = 5;

/** Rejects with `backend` when a graph does not build, does not run, or computes something else. */
export async function probe(context: MLContext): Promise<Probe> {
  const single = await time(context, 1);
  const wide = await time(context, 16);
  return { devices: single.devices, widthRatio: wide.ms / single.ms };
}

/** The fastest of some runs of `width` ones through matrices of ones over SIZE. */
async function time(context: MLContext, width: number): Promise<{ devices: readonly string[] | null; ms: number }> {
  const builder = new webnnScope.MLGraphBuilder!(context);
  const input = { dataType: 'float32', shape: [width, SIZE] } as const;
  const output = { dataType: 'float32', shape: [width, 1] } as const;
  const weights = new Float32Array(SIZE * SIZE).fill(1 / SIZE);
  let x: MLOperand = builder.input('x', input);
  for (let i = 0; i < LAYERS; i++)
    x = builder.matmul(x, builder.constant({ dataType: 'float32', shape: [SIZE, SIZE] }, weights));
  const y = builder.reduceMax(x, { axes: [1], keepDimensions: true });
  const graph = await builder.build({ y });
  const tensors = await Promise.all([
    context.createTensor({ ...input, writable: true }),
    context.createTensor({ ...output, readable: true }),
  ]);
  try {
    context.writeTensor(tensors[0], new Float32Array(width * SIZE).fill(1));
    let ms = Infinity;
    for (let run = 0; run < RUNS; run++) {
      const started = performance.now();
      context.dispatch(graph, { x: tensors[0] }, { y: tensors[1] });
      const values = new Float32Array(await context.readTensor(tensors[1]));
      ms = Math.min(ms, performance.now() - started);
      const wrong = values.find((value) => !(Math.abs(value - 1) < 1e-2));
      if (wrong !== undefined) throw new PhiError('backend', `a product of ones gave ${wrong} instead of 1`);
    }
    return { devices: graph.devices ?? null, ms };
  } finally {
    graph.destroy();
    for (const tensor of tensors) tensor.destroy();
  }
}
