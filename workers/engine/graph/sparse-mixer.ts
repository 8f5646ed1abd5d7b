/** The router of Phi MoE at inference, as nodes. checkpoint/experts.ts describes and tests what it computes. */
import type { ExpertsConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from './onnx.ts';

/** One of a token's two experts: its number, int64 `[tokens, 1]`; whether it is that one, bool `[tokens, experts]`; its share, `[tokens, 1]`. */
export interface Chosen {
  id: Value;
  isIt: Value;
  share: Value;
}

const ALONG = { axis: { int: 1 }, keepdims: { int: 1 } };
const KEEP = { keepdims: { int: 1 } };
/** Score of an expert that must not be chosen; finite, for kernels that make NaN of infinities. */
const NEVER = -1e30;

/** Scores `[tokens, experts]` -> the best expert and the best of the others. */
export function sparseMixer(g: Graph, scores: Value, { count, jitter }: ExpertsConfig): [Chosen, Chosen] {
  const numbers = g.int64(Array.from({ length: count }, (_, i) => i));
  const size = g.op('Abs', [scores]);
  const choose = (candidates: Value, without: Value | null): Chosen => {
    const best = g.op('ReduceMax', [candidates, g.int64([1])], KEEP);
    const id = g.op('ArgMax', [candidates], ALONG);
    const distance = g.op('Div', [g.op('Sub', [best, scores]), g.op('Max', [size, best])]);
    const far = g.op('Greater', [distance, g.float(2 * jitter)]);
    const dropped = without ? g.op('Or', [far, without]) : far;
    const kept = g.op('Where', [dropped, g.float(0), g.op('Exp', [g.op('Sub', [candidates, best])])]);
    const share = g.op('Reciprocal', [g.op('ReduceSum', [kept, g.int64([1])], KEEP)]);
    return { id, isIt: g.op('Equal', [id, numbers]), share };
  };
  const first = choose(scores, null);
  return [first, choose(g.op('Where', [first.isIt, g.float(NEVER), scores]), first.isIt)];
}
