/**
 * The WASM dialect: one session with two ways through it, sharing all weights.
 *
 * - a chunk: `[tokens]` at once, for prefill, draft checking and evaluation; activations quantised per row;
 * - a loop: ONNX `Loop` of single tokens, each chosen in the graph and fed to the next step.
 *
 * ONNX Runtime copies every input and output of a WASM session, so the cache proper is an input that is only read and laid out so that
 * no step transposes it (keys `[kvHeads, 1, headDim, slots]`, values `[kvHeads, 1, slots, headDim]`); a run returns just its own keys and values.
 * A step of the loop is one token and costs about 2 us a node beside the work itself: it is spelled with as few nodes as there are kernels for.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import { declare, type WeightGroup } from '../weights/plan.ts';
import { decoder, type Dialect } from '../graph/decoder-network.ts';
import { Graph, type Dim, type Value } from '../graph/onnx.ts';
import { declareSelectInputs, select, type SelectInputs } from './select-graph.ts';
import { mixture, type RowProducts } from './experts.ts';
import { int8Head, int8Linear, int8Rows } from './int8-products.ts';
import type { WasmForm } from './weights.ts';

/** What a step reads besides weights and tokens. */
export interface StepInputs {
  past: Value; // int64 scalar: valid slots of the cache
  cos: Value; // float32 [positions, rotaryDim / 2], from position `past` on
  sin: Value;
  keys: Value[]; // [kvHeads, 1, headDim, slots]
  values: Value[]; // [kvHeads, 1, slots, headDim]
}

/** Graph inputs: see `wasmGraph`. */
interface Inputs extends StepInputs {
  ids: Value; // int64 [tokens]
  select: SelectInputs;
}

/** What this run has added, laid out as the cache. */
interface Added {
  keys: Value[];
  values: Value[];
}

const NEVER = 2 ** 31; // position of an empty slot: after every query
const HIDDEN = -1e30; // score of a key that must not be seen; finite, so that a fully hidden block gives no NaN

/** The model's protobuf. `groups` are the weights as `wasmWeights` plans them. */
export function wasmGraph(config: PhiConfig, form: WasmForm, groups: WeightGroup[]): Uint8Array {
  const g = new Graph('phi_wasm');
  for (const group of groups) declare(g, group);
  const half = config.rotaryDim / 2;
  const { layers, kvHeads, headDim, vocab } = config;
  const perLayer = <T>(make: (layer: number) => T) => Array.from({ length: layers }, (_, layer) => make(layer));
  const inputs: Inputs = {
    ids: g.input('ids', 'int64', ['tokens']),
    past: g.input('past', 'int64', []),
    cos: g.input('cos', 'float32', ['positions', half]),
    sin: g.input('sin', 'float32', ['positions', half]),
    keys: perLayer((layer) => g.input(`past_key.${layer}`, 'float32', [kvHeads, 1, headDim, 'slots'])),
    values: perLayer((layer) => g.input(`past_value.${layer}`, 'float32', [kvHeads, 1, 'slots', headDim])),
    select: declareSelectInputs(g, vocab),
  };
  const loop = g.input('loop', 'bool', []);
  const headRows = g.input('head_rows', 'int64', ['rows']);
  const targets = g.input('targets', 'int64', ['rows']);
  const randoms = g.input('randoms', 'float32', ['steps']);
  const stop = g.input('stop', 'int64', ['stops']);

  const chunk = chunkGraph(g, config, form, inputs, { headRows, targets, randoms });
  const steps = loopGraph(g, config, form, inputs, { randoms, stop });
  const names = [
    'out_ids',
    'argmax',
    'logprobs',
    'logits',
    ...perLayer((l) => `new_key.${l}`),
    ...perLayer((l) => `new_value.${l}`),
  ];
  g.ops('If', [loop], names, { then_branch: { graph: steps }, else_branch: { graph: chunk } });
  g.output('out_ids', 'int64', ['chosen']);
  g.output('argmax', 'int64', ['rows']);
  g.output('logprobs', 'float32', ['rows']);
  g.output('logits', 'float32', ['rows', vocab]);
  for (let layer = 0; layer < layers; layer++) {
    g.output(`new_key.${layer}`, 'float32', [kvHeads, 1, headDim, 'added']);
    g.output(`new_value.${layer}`, 'float32', [kvHeads, 1, 'added', headDim]);
  }
  return g.toModel();
}

function chunkGraph(
  outer: Graph,
  config: PhiConfig,
  form: WasmForm,
  inputs: Inputs,
  { headRows, targets, randoms }: { headRows: Value; targets: Value; randoms: Value },
): Graph {
  const g = outer.subgraph('chunk');
  const { dialect, added } = wasmDialect(g, config, form, inputs, inputs.ids, g.int64(0), null);
  const hidden = decoder(g, config, dialect, g.op('Unsqueeze', [inputs.ids, g.int64([1])])); // [tokens, 1, hidden]
  const { id, argmax, logprobs, logits } = headOutputs(g, dialect, hidden, inputs.select, {
    headRows,
    targets,
    randoms,
  });
  const emit = (value: Value, dtype: 'int64' | 'float32') => g.output(value, dtype, null);
  emit(id, 'int64');
  emit(argmax, 'int64');
  emit(logprobs, 'float32');
  emit(logits, 'float32');
  added.keys.forEach((key) => emit(key, 'float32'));
  added.values.forEach((value) => emit(value, 'float32'));
  return g;
}

/** What a chunk gives of its normed hidden states `[tokens, 1, hidden]`: a token after each of the last `headRows`, as many as there are `randoms`, and of all of them the best token, the target's log-probability, the logits. */
export function headOutputs(
  g: Graph,
  dialect: Dialect,
  normed: Value,
  inputs: SelectInputs,
  { headRows, targets, randoms }: { headRows: Value; targets: Value; randoms: Value },
): { id: Value; argmax: Value; logprobs: Value; logits: Value } {
  const logits = g.op('Squeeze', [dialect.linear(g, g.op('Gather', [normed, headRows]), 'head'), g.int64([1])]); // [rows, vocab]
  const argmax = g.op('ArgMax', [logits], { axis: { int: 1 }, keepdims: { int: 0 } });
  const steps = g.op('Shape', [randoms]); // [1]
  const lastRows = g.op('Slice', [logits, g.op('Neg', [steps]), g.int64([2 ** 31]), g.int64([0])]); // [steps, vocab]
  const id = select(g, inputs, lastRows, randoms);
  const target = g.op('GatherElements', [logits, g.op('Unsqueeze', [targets, g.int64([1])])], { axis: { int: 1 } });
  const total = g.op('ReduceLogSumExp', [logits, g.int64([1])], { keepdims: { int: 1 } });
  return { id, argmax, logprobs: g.op('Squeeze', [g.op('Sub', [target, total]), g.int64([1])]), logits };
}

function loopGraph(
  outer: Graph,
  config: PhiConfig,
  form: WasmForm,
  inputs: Inputs,
  { randoms, stop }: { randoms: Value; stop: Value },
): Graph {
  const { layers, kvHeads, headDim, vocab } = config;
  const g = outer.subgraph('loop');
  const body = g.subgraph('step');
  const iteration = body.input('iteration', 'int64', []);
  body.input('going', 'bool', []);
  const token = body.input('token', 'int64', [1]);
  const seen = body.input('seen_so_far', 'float32', [vocab]);
  const carried = (name: string, dims: Dim[]) =>
    Array.from({ length: layers }, (_, l) => body.input(`${name}.${l}`, 'float32', dims));
  const before: Added = {
    keys: carried('added_key', [kvHeads, 1, headDim, 'added']),
    values: carried('added_value', [kvHeads, 1, 'added', headDim]),
  };

  const { dialect, added } = wasmDialect(body, config, form, inputs, token, iteration, before);
  const logits = dialect.linear(body, decoder(body, config, dialect, token), 'head'); // [1, vocab]
  const random = body.op('Gather', [randoms, body.op('Reshape', [iteration, body.int64([1])])]);
  const id = select(body, inputs.select, logits, random, seen);
  const ended = body.op('Cast', [body.op('Equal', [id, stop])], { to: { int: 6 } });
  const going = body.op('Equal', [
    body.op('ReduceSum', [ended], { keepdims: { int: 0 } }),
    body.op('Cast', [body.int64(0)], { to: { int: 6 } }),
  ]);
  const seenNext = body.op('ScatterElements', [seen, id, body.float([1])], { axis: { int: 0 } });
  body.output(going, 'bool', null);
  body.output(id, 'int64', null);
  body.output(seenNext, 'float32', null);
  added.keys.forEach((key) => body.output(key, 'float32', null));
  added.values.forEach((value) => body.output(value, 'float32', null));
  body.output(body.rename(id, body.fresh('scan_id')), 'int64', null);

  const empty = (name: string, dims: number[]) =>
    Array.from({ length: layers }, () => g.tensor(g.fresh(name), 'float32', dims, new Float32Array(0)));
  const blanks = [...empty('no_keys', [kvHeads, 1, headDim, 0]), ...empty('no_values', [kvHeads, 1, 0, headDim])];
  const count = g.op('Shape', [randoms]); // [1]: as many steps as there are random numbers
  const outputs = g.ops(
    'Loop',
    [g.op('Squeeze', [count, g.int64([0])]), g.bool(true), inputs.ids, inputs.select.seen, ...blanks],
    2 + 2 * layers + 1,
    {
      body: { graph: body },
    },
  );
  const ids = g.op('Reshape', [outputs[2 + 2 * layers]!, g.int64([-1])]);
  g.output(ids, 'int64', null);
  g.output(g.rename(ids, g.fresh('argmax')), 'int64', null);
  for (const dims of [[1], [1, vocab]]) g.output(g.op('Expand', [g.float(0), g.int64(dims)]), 'float32', null); // a loop has no rows of logits
  outputs.slice(2, 2 + 2 * layers).forEach((value) => g.output(value, 'float32', null));
  return g;
}

/**
 * The dialect of a chunk or of one step of the loop. `before` is what the run's earlier steps have added, null in a chunk; `added` fills with that and
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
): { dialect: Dialect; added: Added } {
  const { heads, kvHeads, headDim, rotaryDim, normEps } = config;
  const group = heads / kvHeads;
  const mask = maskFor(g, config, inputs, ids, offset);
  const added: Added = { keys: [], values: [] };
  const single = before !== null;
  const first = g.op('Reshape', [offset, g.int64([1])]);
  const positions = single ? first : g.op('Unsqueeze', [mask.order, g.int64([1])]); // [1] or [tokens, 1], rows of cos and sin
  // In int8 the mean is taken away by what writes the residual stream, and the bias is folded into what reads the norm.
  const layerNorm = config.experts !== undefined && form === 'float32';
  const normInputs = (weight: Value, x: Value[]) => [...x, weight, ...(layerNorm ? [`${weight}.bias`] : [])];
  const ones = (width: number) => g.floats(Array<number>(width).fill(1), [width]);
  const dialect: Dialect = {
    embed(g, ids) {
      if (form === 'float32') return g.op('Gather', ['embedding', ids]);
      const codes = g.op('Cast', [g.op('Gather', ['embedding.codes', ids])], { to: { int: 1 } });
      return g.op('Mul', [codes, g.op('Gather', ['embedding.scales', ids])]); // [tokens, hidden] * [tokens, 1]
    },
    norm: (g, x, weight) =>
      g.op(layerNorm ? 'LayerNormalization' : 'SimplifiedLayerNormalization', normInputs(weight, [x]), {
        axis: { int: -1 },
        epsilon: { float: normEps },
      }),
    addNorm(g, x, y, weight) {
      const [normed, , , sum] = g.ops(
        `com.microsoft::${layerNorm ? 'SkipLayerNormalization' : 'SkipSimplifiedLayerNormalization'}`,
        normInputs(weight, [x, y]),
        [g.fresh('normed'), '', '', g.fresh('sum')],
        {
          epsilon: { float: normEps },
        },
      );
      return { normed: normed!, sum: sum! };
    },
    linear: (g, x, weight) => {
      const biased = (y: Value) => (config.experts ? g.op('Add', [y, `${weight}.bias`]) : y);
      if (form === 'float32') return biased(g.op('MatMul', [x, weight]));
      if (weight === 'head') return int8Head(g, x, config.vocab, config.experts !== undefined);
      // A normed row without norm weight has a root mean square of 1, so nothing in it exceeds sqrt(hidden).
      if (weight.endsWith('.qkv'))
        return int8Linear(g, x, weight, config.hidden, (heads + 2 * kvHeads) * headDim, single, !!config.experts);
      if (weight.endsWith('.gateUp')) return int8Linear(g, x, weight, config.hidden, 2 * config.intermediate, single);
      const width = weight.endsWith('.down') ? config.intermediate : heads * headDim;
      const [normed, inverse] = g.ops('SimplifiedLayerNormalization', [x, ones(width)], 2, {
        axis: { int: -1 },
        epsilon: { float: 1e-30 },
      }) as [Value, Value];
      return biased(g.op('Div', [int8Linear(g, normed, weight, width, config.hidden, single), inverse]));
    },
    experts(g, layer, normed) {
      const activate = (gateUp: Value) => dialect.activate(g, gateUp);
      return mixture(g, layer, normed, { config, products: rowProducts(g, form), activate, single });
    },
    attention(g, layer, qkv) {
      const reshape = (x: Value, dims: number[]) => g.op('Reshape', [x, g.int64(dims)]);
      const transpose = (x: Value, perm: number[]) => g.op('Transpose', [x], { perm: { ints: perm } });
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
      // Queries, scaled by 1/sqrt(headDim) in the weights, as [kvHeads, group, tokens, headDim]. A step has one row a head: ONNX Runtime multiplies single rows
      // as they lie, and packs the whole cache for three (12 % of a step at 1,500 tokens of context).
      const queries = single
        ? reshape(q, [kvHeads, group, 1, headDim])
        : transpose(reshape(q, [0, kvHeads, group, headDim]), [1, 2, 0, 3]);
      const ownKeys = single
        ? reshape(k, [kvHeads, 1, headDim, 1])
        : transpose(reshape(k, [0, kvHeads, 1, headDim]), [1, 2, 3, 0]);
      const ownValues = single
        ? reshape(v, [kvHeads, 1, 1, headDim])
        : transpose(reshape(v, [0, kvHeads, 1, headDim]), [1, 2, 0, 3]);
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
      return single
        ? reshape(mixed, [1, heads * headDim])
        : reshape(transpose(mixed, [2, 0, 1, 3]), [0, 1, heads * headDim]);
    },
    activate(g, gateUp) {
      const [gate, up] = g.ops('Split', [gateUp], 2, { axis: { int: -1 }, num_outputs: { int: 2 } }) as [Value, Value];
      return g.op('Mul', [g.op('com.microsoft::QuickGelu', [gate], { alpha: { float: 1 } }), up]);
    },
  };
  return { dialect, added };
}

/**
 * Additive mask `[tokens, slots + added]` (causal, empty slots, sliding window), the two widths of its last axis, and the place of each token in the run.
 */
function maskFor(
  g: Graph,
  config: PhiConfig,
  inputs: StepInputs,
  ids: Value,
  offset: Value,
): { bias: Value; widths: Value; order: Value } {
  const scalar = (vector: Value) => g.op('Squeeze', [vector, g.int64([0])]);
  const slots = g.op('Shape', [inputs.keys[0]!], { start: { int: 3 }, end: { int: 4 } }); // [1]
  const tokens = g.op('Shape', [ids]); // [1]
  const addedNow = g.op('Add', [tokens, offset]); // [1]
  const slotPositions = g.op('Range', [g.int64(0), scalar(slots), g.int64(1)]);
  const oldKeys = g.op('Where', [g.op('Less', [slotPositions, inputs.past]), slotPositions, g.int64(NEVER)]);
  const newKeys = g.op('Add', [g.op('Range', [g.int64(0), scalar(addedNow), g.int64(1)]), inputs.past]);
  const keys = g.op('Concat', [oldKeys, newKeys], { axis: { int: 0 } });
  const order = g.op('Range', [offset, scalar(addedNow), g.int64(1)]); // [tokens]
  const queries = g.op('Unsqueeze', [g.op('Add', [order, inputs.past]), g.int64([1])]); // [tokens, 1]
  let visible = g.op('LessOrEqual', [keys, queries]);
  if (config.slidingWindow !== null && config.slidingWindow < config.context) {
    visible = g.op('And', [visible, g.op('Less', [g.op('Sub', [queries, keys]), g.int64(config.slidingWindow)])]);
  }
  return {
    bias: g.op('Where', [visible, g.float(0), g.float(HIDDEN)]),
    widths: g.op('Concat', [slots, addedNow], { axis: { int: 0 } }),
    order,
  };
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
