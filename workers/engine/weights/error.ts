/** The error of requantising, kept with the made weights. */
import type { ErrorSum } from './blocks.ts';
import type { WeightGroup } from './plan.ts';

/**
 * The last group is not part of the graph. It holds the error of requantising, so that kept weights still report it.
 * The sums are complete when it is made. Read it with `weightError`.
 */
export function errorGroup(sum: ErrorSum): WeightGroup {
  return {
    location: 'error',
    tensors: [{ name: 'error', dtype: 'float32', dims: [2] }],
    make: () => Promise.resolve([Float32Array.of(sum.error, sum.weights)]),
  };
}

/** Root mean square of the error of requantised weights over that of the weights; 0: all is exact. `file`: of the error's group. */
export async function weightError(file: {
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}): Promise<number> {
  const [error = 0, weights = 0] = new Float32Array(await file.slice(0, 8).arrayBuffer());
  return weights === 0 ? 0 : Math.sqrt(error / weights);
}
