/** A mixture of experts in the two ways that backends take it: expert by expert, and as one wide MLP. */
import { concatRows, rowRange } from '../weights/matrix.ts';
import { concatColumns } from '../weights/side-by-side.ts';
import { dequantise } from '../weights/rows.ts';
import type { Expert, Layer } from './types.ts';
import type { Matrix } from '../weights/matrix.ts';

/** All values of a small matrix `[rows, cols]`: the router. */
export const valuesOf = async (matrix: Matrix): Promise<Float32Array> => dequantise(await matrix.read(0, matrix.rows));

/** All experts side by side: the gates of all, then the ups of all; where a token does not go, its activations are multiplied by zero. */
export function wideMlp(each: readonly Expert[]): Pick<Layer, 'gateUp' | 'down'> {
  const half = (which: 0 | 1) => each.map(({ gateUp }) => rowRange(gateUp, (which * gateUp.rows) / 2, gateUp.rows / 2));
  return { gateUp: concatRows([...half(0), ...half(1)]), down: concatColumns(each.map(({ down }) => down)) };
}

/** How a router's scores `[experts]` become shares: the two experts and the factor of each. */
export interface Routed {
  experts: [number, number];
  shares: [number, number];
}

/**
 * The sparse mixer at inference, as transformers' `sparsemixer` and the model's own code have it. The best expert, then the best of the others; each has
 * its share of a softmax over the experts that are near it: `(best - score) / max(|score|, best) <= 2 jitter`. Of equal scores the first is taken. The two shares
 * do not sum to one.
 */
export function sparseMixer(scores: ArrayLike<number>, jitter: number): Routed {
  const all = Array.from(scores);
  const choose = (without: number | null): [number, number] => {
    let best = -1;
    all.forEach((score, i) => {
      if (i !== without && (best < 0 || score > all[best]!)) best = i;
    });
    const most = all[best]!;
    let sum = 0;
    all.forEach((score, i) => {
      const far = (most - score) / Math.max(Math.abs(score), most) > 2 * jitter;
      if (i !== without && !far) sum += Math.exp(score - most);
    });
    return [best, 1 / sum];
  };
  const [first, firstShare] = choose(null);
  const [second, secondShare] = choose(first);
  return { experts: [first, second], shares: [firstShare, secondShare] };
}
