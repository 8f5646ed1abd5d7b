/**
 * The WASM dialect: one session with two ways through it, sharing all weights.
 *
 * - a chunk: `[tokens]` at once, for prefill, draft checking and evaluation; activations quantised per row;
 * - a loop: ONNX `Loop` of single tokens, each chosen in the graph and fed to the next step.
 *
 * ONNX Runtime copies every input and output of a WASM session, so the cache proper is an input that is only read and laid out so that
 * no step transposes it (keys `[kvHeads, 1, headDim, slots]`, values `[kvHeads, 1, slots, headDim]`); a run returns just its own keys and values.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import { declare, type WeightGroup } from '../weights/plan.ts';
import { rotationFactors } from '../weights/rotate.ts';
import { decoder, type Dialect, type LinearName, type NormName } from './decoder.ts';
import { Graph, type Value } from './onnx.ts';
import { declareSelectInputs, select, type SelectInputs } from './select.ts';
import type { WasmForm } from './wasm-weights.ts';

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

/** Keys and values that this run has added, `[kvHeads, 1, added, headDim]` for each layer. */
interface Added {
  keys: Value[];
  values: Value[];
}

const ROTATE_LEFT = 'rotate_left'; // the rotation of `down`'s inputs, see weights/rotate.ts
const ROTATE_RIGHT = 'rotate_right';
const NEVER = 2 ** 31; // position of an empty slot: after every query
const HIDDEN = -1e30; // score of a key that must not be seen; finite, so that a fully hidden block gives no NaN

/** The model's protobuf. `groups` are the weights as `wasmWeights` plans them. */
export function wasmGraph(config: PhiConfig, form: WasmForm, groups: WeightGroup[]): Uint8Array {
  const g = new Graph('phi_wasm');
  for (const group of groups) declare(g, group);
  if (form === 'int8') declareRotation(g, config);
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
  const names = ['out_ids', 'argmax', 'logprobs', 'logits', ...perLayer((l) => `k.${l}`), ...perLayer((l) => `v.${l}`)];
  const made = g.ops('If', [loop], names, { then_branch: { graph: steps }, else_branch: { graph: chunk } });
  g.output('out_ids', 'int64', ['chosen']);
  g.output('argmax', 'int64', ['rows']);
  g.output('logprobs', 'float32', ['rows']);
  g.output('logits', 'float32', ['rows', vocab]);
  for (let layer = 0; layer < layers; layer++) {
    const key = g.op('Transpose', [made[4 + layer]!], { perm: { ints: [0, 1, 3, 2] } });
    g.rename(key, `new_key.${layer}`);
    g.rename(made[4 + layers + layer]!, `new_value.${layer}`);
    g.output(`new_key.${layer}`, 'float32', [kvHeads, 1, headDim, 'added']);
    g.output(`new_value.${layer}`, 'float32', [kvHeads, 1, 'added', headDim]);
  }
  return g.toModel();
}

/** The rotation of `down`'s inputs, which the dialect applies at run time. */
export function declareRotation(g: Graph, config: PhiConfig): void {
  const { outer, inner, left, right } = rotationFactors(config.intermediate);
  g.tensor(ROTATE_LEFT, 'float32', [outer, outer], left);
  g.tensor(ROTATE_RIGHT, 'float32', [inner, inner], right);
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
  const hidden = decoder(g, config, dialect, inputs.ids);
  const { id, argmax, logprobs, logits } = headOutputs(g, dialect, hidden, inputs.select, { headRows, targets, randoms });
  const emit = (value: Value, dtype: 'int64' | 'float32') => g.output(g.rename(value, g.fresh('chunk_out')), dtype, null);
  emit(id, 'int64');
  emit(argmax, 'int64');
  emit(logprobs, 'float32');
  emit(logits, 'float32');
  added.keys.forEach((key) => emit(key, 'float32'));
  added.values.forEach((value) => emit(value, 'float32'));
  return g;
}

/** What a chunk gives of its normed hidden states: a token after the last of `headRows`, and of each of them the best token, the target's log-probability, the logits. */
export function headOutputs(
  g: Graph,
  dialect: Dialect,
  normed: Value,
  inputs: SelectInputs,
  { headRows, targets, randoms }: { headRows: Value; targets: Value; randoms: Value },
): { id: Value; argmax: Value; logprobs: Value; logits: Value } {
  const logits = dialect.linear(g, g.op('Gather', [normed, headRows]), 'head'); // [rows, vocab]
  const argmax = g.op('ArgMax', [logits], { axis: { int: 1 }, keepdims: { int: 0 } });
  const lastRow = g.op('Gather', [logits, g.int64([-1])]); // [1, vocab]
  const id = select(g, inputs, lastRow, g.op('Gather', [randoms, g.int64([0])]));
  const target = g.op('GatherElements', [logits, g.op('Unsqueeze', [targets, g.int64([1])])], { axis: { int: 1 } });
  const total = g.op('ReduceLogSumExp', [logits, g.int64([1])], { keepdims: { int: 1 } });
  return { id, argmax, logprobs: g.op('Squeeze', [g.op('Sub', [target, total]), g.int64([1])]), logits };
}

function loopGraph(outer: Graph, config: PhiConfig, form: WasmForm, inputs: Inputs, { randoms, stop }: { randoms: Value; stop: Value }): Graph {
  const { layers, kvHeads, headDim, vocab } = config;
  const g = outer.subgraph('loop');
  const body = g.subgraph('step');
  const iteration = body.input('iteration', 'int64', []);
  body.input('going', 'bool', []);
  const token = body.input('token', 'int64', [1]);
  const seen = body.input('seen_so_far', 'float32', [vocab]);
  const carried = (name: string) => Array.from({ length: layers }, (_, l) => body.input(`${name}.${l}`, 'float32', [kvHeads, 1, 'added', headDim]));
  const before: Added = { keys: carried('added_key'), values: carried('added_value') };

  const { dialect, added } = wasmDialect(body, config, form, inputs, token, iteration, before);
  const logits = dialect.linear(body, decoder(body, config, dialect, token), 'head'); // [1, vocab]
  const random = body.op('Gather', [randoms, body.op('Reshape', [iteration, body.int64([1])])]);
  const id = select(body, inputs.select, logits, random, seen);
  const ended = body.op('Cast', [body.op('Equal', [id, stop])], { to: { int: 6 } });
  const going = body.op('Equal', [body.op('ReduceSum', [ended], { keepdims: { int: 0 } }), body.op('Cast', [body.int64(0)], { to: { int: 6 } })]);
  const seenNext = body.op('ScatterElements', [seen, id, body.float([1])], { axis: { int: 0 } });
  const emit = (value: Value, name: string, dtype: 'int64' | 'float32' | 'bool') => body.output(body.rename(value, body.fresh(name)), dtype, null);
  emit(going, 'going_on', 'bool');
  emit(id, 'next_token', 'int64');
  emit(seenNext, 'seen_next', 'float32');
  added.keys.forEach((key) => emit(key, 'key_out', 'float32'));
  added.values.forEach((value) => emit(value, 'value_out', 'float32'));
  emit(id, 'scan_id', 'int64');
  emit(logits, 'logits_out', 'float32'); // scan output, read only when asked for

  const empty = g.tensor(g.fresh('no_keys'), 'float32', [kvHeads, 1, 0, headDim], new Float32Array(0));
  const blanks = Array.from({ length: 2 * layers }, () => empty);
  const count = g.op('Shape', [randoms]); // [1]: as many steps as there are random numbers
  const outputs = g.ops('Loop', [g.op('Squeeze', [count, g.int64([0])]), g.bool(true), inputs.ids, inputs.select.seen, ...blanks], 2 + 2 * layers + 2, {
    body: { graph: body },
  });
  const ids = g.op('Reshape', [outputs[2 + 2 * layers]!, g.int64([-1])]);
  const allLogits = g.op('Reshape', [outputs[3 + 2 * layers]!, g.int64([-1, vocab])]);
  const emitOuter = (value: Value, dtype: 'int64' | 'float32') => g.output(g.rename(value, g.fresh('loop_out')), dtype, null);
  emitOuter(ids, 'int64');
  emitOuter(ids, 'int64');
  emitOuter(g.float([0]), 'float32');
  emitOuter(allLogits, 'float32');
  outputs.slice(2, 2 + 2 * layers).forEach((value) => emitOuter(value, 'float32'));
  return g;
}

/**
 * The dialect of one step. `before` is what the run's earlier steps have added, null in a chunk; `added` fills with that and this step's.
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
  const offsetVector = g.op('Reshape', [offset, g.int64([1])]);
  const added: Added = { keys: [], values: [] };
  const dialect: Dialect = {
    embed(g, ids) {
      if (form === 'float32') return g.op('Gather', ['embedding', ids]);
      const codes = g.op('Cast', [g.op('Gather', ['embedding.codes', ids])], { to: { int: 1 } });
      return g.op('Mul', [codes, g.op('Gather', ['embedding.scales', ids])]); // [tokens, hidden] * [tokens, 1]
    },
    norm: (g, x, weight) => g.op('SimplifiedLayerNormalization', [x, weight], { axis: { int: -1 }, epsilon: { float: normEps } }),
    addNorm(g, x, y, weight) {
      const [normed, , , sum] = g.ops('com.microsoft::SkipSimplifiedLayerNormalization', [x, y, weight], [g.fresh('normed'), '', '', g.fresh('sum')], {
        epsilon: { float: normEps },
      });
      return { normed: normed!, sum: sum! };
    },
    linear: (g, x, weight) => {
      if (form === 'float32') return g.op('MatMul', [x, weight]);
      // A normed row without norm weight has a root mean square of 1, so nothing in it exceeds sqrt(hidden).
      const normed = weight === 'head' || weight.endsWith('.qkv') || weight.endsWith('.gateUp');
      return int8Linear(g, x, weight, before !== null, normed ? Math.sqrt(config.hidden) : null);
    },
    attention(g, layer, qkv) {
      const widths = g.int64([(heads + kvHeads) * headDim, kvHeads * headDim]);
      const [qk, v] = g.ops('Split', [qkv, widths], 2, { axis: { int: -1 } }) as [Value, Value];
      const rotated = g.op('com.microsoft::RotaryEmbedding', [g.op('Unsqueeze', [qk, g.int64([0])]), offsetVector, inputs.cos, inputs.sin], {
        num_heads: { int: heads + kvHeads },
        rotary_embedding_dim: { int: rotaryDim === headDim ? 0 : rotaryDim },
        interleaved: { int: 0 },
      });
      const [q, k] = g.ops('Split', [rotated, g.int64([heads * headDim, kvHeads * headDim])], 2, { axis: { int: -1 } }) as [Value, Value];
      const split = (x: Value, inner: number) =>
        // [tokens, kvHeads * inner * headDim] -> [kvHeads, inner, tokens, headDim]
        g.op('Transpose', [g.op('Reshape', [x, g.int64([-1, kvHeads, inner, headDim])])], { perm: { ints: [1, 2, 0, 3] } });
      const queries = split(q, group); // scaled by 1/sqrt(headDim) in the weights
      const append = (earlier: Value | undefined, x: Value) => (earlier ? g.op('Concat', [earlier, split(x, 1)], { axis: { int: 2 } }) : split(x, 1));
      const newKeys = append(before?.keys[layer], k); // [kvHeads, 1, added, headDim]
      const newValues = append(before?.values[layer], v);
      added.keys.push(newKeys);
      added.values.push(newValues);

      const old = g.op('MatMul', [queries, inputs.keys[layer]!]); // [kvHeads, group, tokens, slots]
      const fresh = g.op('MatMul', [queries, g.op('Transpose', [newKeys], { perm: { ints: [0, 1, 3, 2] } })]);
      const scores = g.op('Add', [g.op('Concat', [old, fresh], { axis: { int: -1 } }), mask.bias]);
      const [pOld, pNew] = g.ops('Split', [g.op('Softmax', [scores], { axis: { int: -1 } }), mask.widths], 2, { axis: { int: -1 } }) as [Value, Value];
      const mixed = g.op('Add', [g.op('MatMul', [pOld, inputs.values[layer]!]), g.op('MatMul', [pNew, newValues])]);
      return g.op('Reshape', [g.op('Transpose', [mixed], { perm: { ints: [2, 0, 1, 3] } }), g.int64([-1, heads * headDim])]);
    },
    activate(g, gateUp) {
      const [gate, up] = g.ops('Split', [gateUp], 2, { axis: { int: -1 }, num_outputs: { int: 2 } }) as [Value, Value];
      const active = g.op('Mul', [g.op('com.microsoft::QuickGelu', [gate], { alpha: { float: 1 } }), up]);
      if (form === 'float32') return active;
      const { outer, inner } = rotationFactors(config.intermediate);
      const square = g.op('Reshape', [active, g.int64([-1, outer, inner])]);
      const rotated = g.op('MatMul', [ROTATE_LEFT, g.op('MatMul', [square, ROTATE_RIGHT])]);
      return g.op('Reshape', [rotated, g.int64([-1, config.intermediate])]);
    },
  };
  return { dialect, added };
}

/** Additive mask `[tokens, slots + added]` (causal, empty slots, sliding window) and the two widths of its last axis. */
function maskFor(g: Graph, config: PhiConfig, inputs: StepInputs, ids: Value, offset: Value): { bias: Value; widths: Value } {
  const scalar = (vector: Value) => g.op('Squeeze', [vector, g.int64([0])]);
  const slots = g.op('Shape', [inputs.keys[0]!], { start: { int: 3 }, end: { int: 4 } }); // [1]
  const tokens = g.op('Shape', [ids]); // [1]
  const addedNow = g.op('Add', [tokens, offset]); // [1]
  const slotPositions = g.op('Range', [g.int64(0), scalar(slots), g.int64(1)]);
  const oldKeys = g.op('Where', [g.op('Less', [slotPositions, inputs.past]), slotPositions, g.int64(NEVER)]);
  const newKeys = g.op('Add', [g.op('Range', [g.int64(0), scalar(addedNow), g.int64(1)]), inputs.past]);
  const keys = g.op('Concat', [oldKeys, newKeys], { axis: { int: 0 } });
  const queries = g.op('Unsqueeze', [g.op('Add', [g.op('Range', [offset, scalar(addedNow), g.int64(1)]), inputs.past]), g.int64([1])]); // [tokens, 1]
  let visible = g.op('LessOrEqual', [keys, queries]);
  if (config.slidingWindow !== null && config.slidingWindow < config.context) {
    visible = g.op('And', [visible, g.op('Less', [g.op('Sub', [queries, keys]), g.int64(config.slidingWindow)])]);
  }
  return { bias: g.op('Where', [visible, g.float(0), g.float(HIDDEN)]), widths: g.op('Concat', [slots, addedNow], { axis: { int: 0 } }) };
}

/**
 * Activations in 16 bits as two uint8 rows, coarse and fine: x = s * (coarse - 128) + s / 254 * (fine - 128) with s = largest / 127.
 * ONNX Runtime's WASM kernel unpacks the weights at every call, which is most of its time: the second row costs a third, not as much again. And
 * 8 bits alone made a reply depend on how its tokens were grouped into runs: logits moved by up to 2 where float sums were ordered differently.
 *
 * `bound`: the largest value that x can have, where that is known; else it is found for each row.
 */
function int8Linear(g: Graph, x: Value, weight: LinearName, single: boolean, bound: number | null): Value {
  const rows = { axis: { int: 0 } };
  const matmul = (codes: Value) => g.op('com.microsoft::MatMulIntegerToFloat', [codes, `${weight}.codes`, g.float(1), `${weight}.scales`, g.uint8(128)]);
  let scale: Value;
  let fineScale: Value;
  let factors: Value; // [tokens or 1, 1, 2]
  if (bound === null) {
    const largest = g.op('ReduceMax', [g.op('Abs', [x]), g.int64([1])], { keepdims: { int: 0 } }); // [tokens]
    scale = g.op('Max', [g.op('Mul', [largest, g.float(1 / 127)]), g.float(1e-30)]);
    fineScale = g.op('Mul', [scale, g.float(1 / 254)]);
    factors = g.op('Mul', [single ? scale : g.op('Unsqueeze', [scale, g.int64([1, 2])]), g.floats([1, 1 / 254], [1, 2])]);
  } else {
    scale = g.float(bound / 127);
    fineScale = g.float(bound / 127 / 254);
    factors = g.floats([bound / 127, bound / 127 / 254], [1, 2]);
  }
  const zeros = single || bound !== null ? g.uint8(128) : g.op('Expand', [g.uint8(128), g.op('Shape', [scale])]); // as many as scales
  const coarse = g.op('QuantizeLinear', [x, scale, zeros], rows);
  const rest = g.op('Sub', [x, g.op('DequantizeLinear', [coarse, scale, zeros], rows)]);
  const fine = g.op('QuantizeLinear', [rest, fineScale, zeros], rows);
  if (single) return g.op('MatMul', [factors, matmul(g.op('Concat', [coarse, fine], rows))]); // [1, 2] x [2, N]
  const lift = (codes: Value) => g.op('Unsqueeze', [codes, g.int64([1])]);
  const product = matmul(g.op('Concat', [lift(coarse), lift(fine)], { axis: { int: 1 } })); // [tokens, 2, N]
  return g.op('Squeeze', [g.op('MatMul', [factors, product]), g.int64([1])]);
}

export type { LinearName, NormName };
