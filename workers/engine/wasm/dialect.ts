/** How the decoder network is spelled for ONNX Runtime's CPU kernels: one node for each kernel that there is. */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Dialect, LinearName } from '../graph/decoder-network.ts';
import type { Graph, Value } from '../graph/onnx.ts';
import { ortNorms, quickGelu } from '../graph/ort-kernels.ts';
import { mixture, type RowProducts } from './experts.ts';
import { int8Head, int8Linear, int8Rows } from './int8-products.ts';
import { maskFor, type Mask } from './mask.ts';
import type { Added, StepInputs } from './step-inputs.ts';
import type { WasmForm } from './weights.ts';

/**
 * The dialect of a chunk or of one step of the loop. `fineHead`: int8 heads take activations of 16 bits too, as our own kernels do. `before` is what the run's earlier steps have added, null in a chunk; `added` fills with that and
 * this step's. Hidden states are `[1, hidden]` in a step and `[tokens, 1, hidden]` in a chunk: there no node may hide the number of tokens behind a
 * -1 in a Reshape, because ONNX Runtime's planner compares every buffer with all others whose shape it does not know (half a second at load).
 */
export function wasmDialect(
  g: Graph,
  config: PhiConfig,
  form: WasmForm,
  inputs: StepInputs,
  ids: Value,
  offset: Value,
  before: Added | null,
  fineHead = false,
): { dialect: Dialect; added: Added } {
  const mask = maskFor(g, config, inputs, ids, offset);
  const added: Added = { keys: [], values: [] };
  const single = before !== null;
  const first = g.op('Reshape', [offset, g.int64([1])]);
  const positions = single ? first : g.op('Unsqueeze', [mask.order, g.int64([1])]); // [1] or [tokens, 1], rows of cos and sin
  // In int8 the mean is taken away by what writes the residual stream, and the bias is folded into what reads the norm.
  const layerNorm = config.experts !== undefined && form === 'float32';
  const attention: AttentionContext = { config, form, inputs, mask, positions, before, added };
  const dialect: Dialect = {
    embed(g, ids) {
      if (form === 'float32') return g.op('Gather', ['embedding', ids]);
      if (config.experts) return g.op('Cast', [g.op('Gather', ['embedding', ids])], { to: { int: 1 } });
      const codes = g.op('Cast', [g.op('Gather', ['embedding.codes', ids])], { to: { int: 1 } });
      return g.op('Mul', [codes, g.op('Gather', ['embedding.scales', ids])]); // [tokens, hidden] * [tokens, 1]
    },
    ...ortNorms(config.normEps, layerNorm),
    linear: (g, x, weight) => {
      if (form === 'int8') return int8Layer(g, config, x, weight, single, fineHead);
      const product = g.op('MatMul', [x, weight]);
      return config.experts ? g.op('Add', [product, `${weight}.bias`]) : product;
    },
    experts: (g, layer, normed) =>
      mixture(g, layer, normed, {
        config,
        products: rowProducts(g, form),
        activate: (gateUp) => quickGelu(g, gateUp),
        single,
      }),
    attention: (g, layer, qkv) => attend(g, attention, layer, qkv),
    activate: quickGelu,
  };
  return { dialect, added };
}

/** The head, or a product of a layer, whose inputs have a root mean square of 1 or are made so. */
function int8Layer(
  g: Graph,
  config: PhiConfig,
  x: Value,
  weight: LinearName,
  single: boolean,
  fineHead: boolean,
): Value {
  const { heads, kvHeads, headDim, hidden, intermediate, vocab } = config;
  const biased = config.experts !== undefined;
  if (weight === 'head')
    return fineHead ? int8Linear(g, x, weight, hidden, vocab, single, biased) : int8Head(g, x, vocab, biased);
  // A normed row without norm weight has a root mean square of 1, so nothing in it exceeds sqrt(hidden).
  if (weight.endsWith('.qkv')) return int8Linear(g, x, weight, hidden, (heads + 2 * kvHeads) * headDim, single, biased);
  if (weight.endsWith('.gateUp')) return int8Linear(g, x, weight, hidden, 2 * intermediate, single);
  const width = weight.endsWith('.down') ? intermediate : heads * headDim;
  const ones = g.floats(Array<number>(width).fill(1), [width]);
  const [normed, inverse] = g.ops('SimplifiedLayerNormalization', [x, ones], 2, {
    axis: { int: -1 },
    epsilon: { float: 1e-30 },
  }) as [Value, Value];
  const product = g.op('Div', [int8Linear(g, normed, weight, width, hidden, single), inverse]);
  return biased ? g.op('Add', [product, `${weight}.bias`]) : product;
}

interface AttentionContext {
  config: PhiConfig;
  form: WasmForm;
  inputs: StepInputs;
  mask: Mask;
  positions: Value;
  before: Added | null;
  /** Fills with each layer's keys and values. */
  added: Added;
}

/** Keys and values of earlier steps of the run and of this one, queries beside them, each laid out as the cache. */
function rotatedParts(
  g: Graph,
  { config, form, inputs, positions, before }: AttentionContext,
  qkv: Value,
): { queries: Value; keys: Value; values: Value } {
  const { heads, kvHeads, headDim, rotaryDim } = config;
  const group = heads / kvHeads;
  const single = before !== null;
  const row = single && form === 'float32' ? g.op('Unsqueeze', [qkv, g.int64([0])]) : qkv; // [tokens, 1, ...]
  const [qk, v] = g.ops('Split', [row, g.int64([(heads + kvHeads) * headDim, kvHeads * headDim])], 2, {
    axis: { int: -1 },
  }) as [Value, Value];
  const rotated = g.op('com.microsoft::RotaryEmbedding', [qk, positions, inputs.cos, inputs.sin], {
    num_heads: { int: heads + kvHeads },
    rotary_embedding_dim: { int: rotaryDim === headDim ? 0 : rotaryDim },
    interleaved: { int: 0 },
  });
  const [q, k] = g.ops('Split', [rotated, g.int64([heads * headDim, kvHeads * headDim])], 2, {
    axis: { int: -1 },
  }) as [Value, Value];
  const reshape = (x: Value, dims: number[]) => g.op('Reshape', [x, g.int64(dims)]);
  const transpose = (x: Value, perm: number[]) => g.op('Transpose', [x], { perm: { ints: perm } });
  // Queries, scaled by 1/sqrt(headDim) in the weights, as [kvHeads, group, tokens, headDim]. A step has one row a head: ONNX Runtime multiplies single rows
  // as they lie, and packs the whole cache for three (12 % of a step at 1,500 tokens of context).
  if (single)
    return {
      queries: reshape(q, [kvHeads, group, 1, headDim]),
      keys: reshape(k, [kvHeads, 1, headDim, 1]),
      values: reshape(v, [kvHeads, 1, 1, headDim]),
    };
  return {
    queries: transpose(reshape(q, [0, kvHeads, group, headDim]), [1, 2, 0, 3]),
    keys: transpose(reshape(k, [0, kvHeads, 1, headDim]), [1, 2, 3, 0]),
    values: transpose(reshape(v, [0, kvHeads, 1, headDim]), [1, 2, 0, 3]),
  };
}

function attend(g: Graph, context: AttentionContext, layer: number, qkv: Value): Value {
  const { inputs, mask, before, added } = context;
  const { heads, headDim } = context.config;
  const { queries, keys: ownKeys, values: ownValues } = rotatedParts(g, context, qkv);
  const keys = before ? g.op('Concat', [before.keys[layer]!, ownKeys], { axis: { int: 3 } }) : ownKeys;
  const values = before ? g.op('Concat', [before.values[layer]!, ownValues], { axis: { int: 2 } }) : ownValues;
  added.keys.push(keys);
  added.values.push(values);
  const scores = g.op('Concat', [g.op('MatMul', [queries, inputs.keys[layer]!]), g.op('MatMul', [queries, keys])], {
    axis: { int: -1 },
  });
  const weights = g.op('Softmax', [g.op('Add', [scores, mask.bias])], { axis: { int: -1 } });
  const [pOld, pNew] = g.ops('Split', [weights, mask.widths], 2, { axis: { int: -1 } }) as [Value, Value];
  const mixed = g.op('Add', [g.op('MatMul', [pOld, inputs.values[layer]!]), g.op('MatMul', [pNew, values])]); // as queries
  if (before) return g.op('Reshape', [mixed, g.int64([1, heads * headDim])]);
  const byToken = g.op('Transpose', [mixed], { perm: { ints: [2, 0, 1, 3] } });
  return g.op('Reshape', [byToken, g.int64([0, 1, heads * headDim])]);
}

const rowProducts = (g: Graph, form: WasmForm): RowProducts =>
  form === 'int8'
    ? int8Rows(g)
    : {
        encode: (rows) => rows,
        multiply: (rows, weight) => g.op('MatMul', [rows, weight]),
        decode: (product) => product,
        normalise: (rows) => ({ rows, factor: null }),
      };
