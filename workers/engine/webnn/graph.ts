/**
 * The network as WebNN takes it: static shapes, plain operators. A run takes `width` tokens; those that are not filled are padding whose keys
 * nobody sees. Two dialects share it (cache-layout.ts): they differ in attention, norms and how weights lie.
 *
 * Keys and values lie in two caches that a run only reads: the settled one with `slots` positions in tensors of their own, and the recent one
 * with the last `recent` positions. A run gives the recent cache with its own tokens added: rewriting the settled one at every token would copy
 * megabytes (LiteRT, starter, 1,024 slots: 10 ms of a token's 30). From time to time the recent one is settled (webnn/kv-cache.ts).
 * A graph without recent cache gives just the keys and values of its own tokens.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import { declareRange } from '../graph/external-data.ts';
import { tensorRanges } from '../weights/plan.ts';
import { decoder, type Dialect } from '../graph/decoder-network.ts';
import { Graph, type Value } from '../graph/onnx.ts';
import type { Dtype } from '../weights/plan.ts';
import { litertAttention } from './attention-litert.ts';
import { npuAttention } from './attention-npu.ts';
import { cacheLayout } from './cache-layout.ts';
import { linear } from './linear.ts';
import { litertNorm, npuNorm } from './norm.ts';
import { candidates } from './select-graph.ts';
import type { WebnnShape } from './shape.ts';
import { concat, slices } from './spelling.ts';
import { fedTensors, graphGroups, type WebnnPlan } from './weights.ts';

export type { WebnnShape } from './shape.ts';

/**
 * Tokens a run from which the activation is computed in the parts of columns that `down` takes, so that it is not cut again: 128 tokens of Phi-4-mini's piece in
 * int8 take Lunar Lake 5.36 instead of 5.99 ms by Intel's estimate, 64 tokens 3.89 instead of 3.66. With 4 bits by column all were slower.
 */
const WIDE = 128;

/**
 * The model's protobuf. Inputs: `x` float32 [width, hidden], embedded tokens; `cos`, `sin` float32 [width, 1, headDim] with the sign of
 * the rotation in sin and 1 and 0 where nothing is rotated; `mask` float32 [width, visible + recent + width], added to the scores; `key.l`,
 * `value.l`, `recent_key`, `recent_value` as cacheLayout; `keep` float32 [recent, 1]: 1 where the recent cache holds something; `place` float32
 * [recent, width]: 1 where a token goes; with a head `row` int32 [1] and those of webnn/select-graph.ts; matrices that are fed. `inputs` are those
 * that are left: what no output needs is dropped.
 * Outputs: `new_key`, `new_value` as cacheLayout for `recent` (or `width`) positions; with a head `logits` [1, vocab] and `summary`.
 */
export function webnnGraph(
  config: PhiConfig,
  plan: WebnnPlan,
  shape: WebnnShape,
): { model: Uint8Array; inputs: string[] } {
  const g = new Graph('phi_webnn');
  const { layers, hidden, vocab } = config;
  const { width, slots, recent, dialect } = shape;
  const fed = new Set(fedTensors(plan, shape).map(({ tensor }) => tensor.name));
  for (const group of graphGroups(plan, shape)) {
    for (const range of tensorRanges(group)) {
      const { name, dtype, dims } = range.tensor;
      if (fed.has(name)) g.input(name, dtype, dims);
      else declareRange(g, group.location, range);
    }
  }
  const x = g.input('x', 'float32', [width, hidden]);
  const layout = cacheLayout(config, slots, recent || width, dialect);
  for (let l = 0; l < layers; l++) {
    g.input(`key.${l}`, layout.dtype, layout.key);
    g.input(`value.${l}`, layout.dtype, layout.value);
  }
  const attention = (dialect === 'npu' ? npuAttention : litertAttention)(g, config, shape);
  const norm = dialect === 'npu' ? npuNorm : litertNorm;
  // Values that were computed in the parts of columns that the next matrix takes.
  const parts = new Map<Value, Value[]>();
  const { columns } = plan.matrices.get('layers.0.down')!;
  const inParts = plan.form === 'int8' && width >= WIDE && columns.length > 1;
  const steps: Dialect = {
    embed: (_, x) => x,
    norm: (g, x, weight) => norm(g, x, weight, config),
    addNorm(g, x, y, weight) {
      const sum = g.op('Add', [x, y]);
      return { sum, normed: norm(g, sum, weight, config) };
    },
    linear: (g, x, name) => linear(g, x, plan.matrices.get(name)!, plan, shape.scales, parts.get(x)),
    attention: (_, layer, qkv) => attention.layer(layer, qkv),
    activate(g, gateUp) {
      const activated = activate(g, gateUp, inParts ? columns : [config.intermediate]);
      const whole = concat(g, activated, 1);
      if (inParts) parts.set(whole, activated);
      return whole;
    },
  };
  const last = decoder(g, config, steps, x);
  const { key, value } = attention.added();
  output(g, key, 'new_key', layout.recentKey, layout.dtype);
  output(g, value, 'new_value', layout.recentValue, layout.dtype);
  if (shape.head) {
    const row = g.op('Gather', [last, g.input('row', 'int32', [1])]); // [1, hidden]
    const logits = steps.linear(g, row, 'head');
    output(g, logits, 'logits', [1, vocab]);
    const summary = candidates(g, logits, vocab);
    output(g, summary.value, 'summary', [summary.length]);
  }
  g.prune(); // without a head: what follows the last layer's keys and values
  return { model: g.toModel(), inputs: g.inputs };
}

/** silu(gate) * up of `[tokens, 2 intermediate]`, in parts of its columns. */
function activate(g: Graph, gateUp: Value, sizes: readonly number[]): Value[] {
  const all = slices(g, gateUp, 1, [...sizes, ...sizes]);
  return sizes.map((_, i) => {
    const gate = all[i]!;
    return g.op('Mul', [g.op('Mul', [gate, g.op('Sigmoid', [gate])]), all[i + sizes.length]!]);
  });
}

function output(g: Graph, value: Value, name: string, dims: number[], dtype: Dtype = 'float32'): void {
  g.rename(value, name);
  g.output(name, dtype, dims);
}
