/** RMSNorm `[tokens, hidden]` -> the same, as each dialect spells it. */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from '../graph/onnx.ts';

const mean = (g: Graph, x: Value): Value => g.op('ReduceMean', [x, g.int64([1])], { keepdims: { int: 1 } });

function plain(g: Graph, x: Value, weight: Value, epsilon: number): Value {
  const root = g.op('Sqrt', [g.op('Add', [mean(g, g.op('Mul', [x, x])), g.float(epsilon)])]);
  return g.op('Mul', [g.op('Div', [x, root]), weight]);
}

export function litertNorm(g: Graph, x: Value, weight: Value, { normEps }: PhiConfig): Value {
  return plain(g, x, weight, normEps);
}

/** Largest magnitude whose square float16 holds with room for a sum over a few of them. */
const SAFE = 200;
/** Epsilon of the norm of the scaled values: the smallest that float16 adds up with some precision. */
const SCALED_EPSILON = 4e-6;

/**
 * Safe where float32 is computed as float16, which ends at 65,504: the starter's residual stream reaches 30,000, whose square does not fit. A norm
 * does not change when its input is scaled, so each row is divided by its own mean magnitude first, which needs no calibration. No value is
 * larger than `hidden` times that mean, so with a further factor of at least hidden / SAFE every square fits.
 *
 * The scaled row is `y = x / (factor * m + d)`, with m the mean magnitude. `d` makes small rows exact: for m towards 0, `epsilon' (factor * m + d)^2`
 * is the model's own epsilon. For large m that is at most `epsilon' factor^2` (0.1 % for a hidden size of 3,072) of the mean square.
 * Intel's compiler fuses the inner norm as it does a plain one.
 */
export function npuNorm(g: Graph, x: Value, weight: Value, { normEps, hidden }: PhiConfig): Value {
  const factor = 2 ** Math.max(0, Math.ceil(Math.log2(hidden / SAFE)));
  const magnitude = g.op('Mul', [mean(g, g.op('Abs', [x])), g.float(factor)]);
  const scaled = g.op('Div', [x, g.op('Add', [magnitude, g.float(Math.sqrt(normEps / SCALED_EPSILON))])]);
  return plain(g, scaled, weight, SCALED_EPSILON);
}
