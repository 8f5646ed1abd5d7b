/** The router of Phi MoE at inference, as nodes. checkpoint/experts.ts describes and tests what it computes. */
import type { ExpertsConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from './onnx.ts';

/** One of a token's two experts: its number, float32 `[tokens, 1]`; whether it is that one, bool `[tokens, experts]`; its share, `[tokens, 1]`. */
export interface Chosen {
  id: Value;
  isIt: Value;
  share: Value;
}

const KEEP = { keepdims: { int: 1 } };
/** Score of an expert that is not to be chosen, whose exponential is 0; finite, for kernels that make NaN of infinities. */
const NEVER = -1e30;

/** Scores `[tokens, experts]` -> the best expert and the best of the others. In floats, and without ArgMax, Max and Or, for which ONNX Runtime has no kernels on a GPU. */
export function sparseMixer(g: Graph, scores: Value, { count, jitter }: ExpertsConfig): [Chosen, Chosen] {
  const numbers = g.float(Array.from({ length: count }, (_, i) => i));
  const size = g.op('Abs', [scores]);
  const choose = (candidates: Value): Chosen => {
    const best = g.op('ReduceMax', [candidates, g.int64([1])], KEEP);
    // Of equal scores the first.
    const places = g.op('Where', [g.op('Equal', [candidates, best]), numbers, g.float(count)]);
    const id = g.op('ReduceMin', [places, g.int64([1])], KEEP);
    const larger = g.op('Where', [g.op('Greater', [size, best]), size, best]);
    const far = g.op('Greater', [g.op('Div', [g.op('Sub', [best, scores]), larger]), g.float(2 * jitter)]);
    const kept = g.op('Where', [far, g.float(0), g.op('Exp', [g.op('Sub', [candidates, best])])]);
    const share = g.op('Reciprocal', [g.op('ReduceSum', [kept, g.int64([1])], KEEP)]);
    return { id, isIt: g.op('Equal', [id, numbers]), share };
  };
  const first = choose(scores);
  return [first, choose(g.op('Where', [first.isIt, g.float(NEVER), scores]))];
}

/** Each expert's share of each token, `[tokens, experts]`, zero but for the two: for backends that multiply all experts. */
export function sharesOfAll(g: Graph, [first, second]: [Chosen, Chosen]): Value {
  return g.op('Where', [first.isIt, first.share, g.op('Where', [second.isIt, second.share, g.float(0)])]);
}
