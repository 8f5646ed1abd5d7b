/**
 * The WASM dialect: one session with two ways through it, sharing all weights. Where our own kernels decode (step/), it has the first one only.
 *
 * - a chunk: `[tokens]` at once, for prefill, draft checking and evaluation; activations quantised per row;
 * - a loop: ONNX `Loop` of single tokens, each chosen in the graph and fed to the next step.
 *
 * ONNX Runtime copies every input and output of a WASM session, so the cache proper is an input that is only read and laid out so that
 * no step transposes it (keys `[kvHeads, 1, headDim, slots]`, values `[kvHeads, 1, slots, headDim]`); a run returns just its own keys and values.
 * A step of the loop is one token and costs about 2 us a node beside the work itself: it is spelled with as few nodes as there are kernels for.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import { declare } from '../graph/external-data.ts';
import type { WeightGroup } from '../weights/plan.ts';
import { decoder, type Dialect } from '../graph/decoder-network.ts';
import { Graph, type Dim, type Value } from '../graph/onnx.ts';
import { wasmDialect } from './dialect.ts';
import { declareSelectInputs, select, type SelectInputs } from './select-graph.ts';
import type { Added, StepInputs } from './step-inputs.ts';
import type { WasmForm } from './weights.ts';

/** Graph inputs: see `wasmGraph`. */
interface Inputs extends StepInputs {
  ids: Value; // int64 [tokens]
  select: SelectInputs;
}

/** The model's protobuf. `groups` are the weights as `wasmWeights` plans them. `loops`: false leaves out the way of single tokens, half of all nodes. */
export function wasmGraph(config: PhiConfig, form: WasmForm, groups: WeightGroup[], loops = true): Uint8Array {
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
  const headRows = g.input('head_rows', 'int64', ['rows']);
  const targets = g.input('targets', 'int64', ['rows']);
  const randoms = g.input('randoms', 'float32', ['steps']);

  const outputs = { headRows, targets, randoms };
  if (!loops) {
    const made = chunkOutputs(g, config, form, inputs, outputs, true);
    for (const [i, [name, dtype, dims]] of wasmOutputs(config).entries()) {
      g.call(made[i]!.value, name);
      g.output(name, dtype, dims);
    }
    return g.toModel();
  }
  const loop = g.input('loop', 'bool', []);
  const stop = g.input('stop', 'int64', ['stops']);
  const chunk = g.subgraph('chunk');
  for (const { value, dtype } of chunkOutputs(chunk, config, form, inputs, outputs)) chunk.output(value, dtype, null);
  const steps = loopGraph(g, config, form, inputs, { randoms, stop });
  const names = wasmOutputs(config);
  g.ops(
    'If',
    [loop],
    names.map(([name]) => name),
    { then_branch: { graph: steps }, else_branch: { graph: chunk } },
  );
  for (const [name, dtype, dims] of names) g.output(name, dtype, dims);
  return g.toModel();
}

/** Names, types and shapes of the model's outputs. */
function wasmOutputs({
  layers,
  kvHeads,
  headDim,
  vocab,
}: PhiConfig): (readonly [name: string, 'int64' | 'float32', Dim[]])[] {
  const perLayer = (name: string, dims: Dim[]) =>
    Array.from({ length: layers }, (_, layer) => [`${name}.${layer}`, 'float32', dims] as const);
  return [
    ['out_ids', 'int64', ['chosen']],
    ['argmax', 'int64', ['rows']],
    ['logprobs', 'float32', ['rows']],
    ['logits', 'float32', ['rows', vocab]],
    ...perLayer('new_key', [kvHeads, 1, headDim, 'added']),
    ...perLayer('new_value', [kvHeads, 1, 'added', headDim]),
  ];
}

/** The nodes of a chunk, and what it makes, in the order of `wasmOutputs`. */
function chunkOutputs(
  g: Graph,
  config: PhiConfig,
  form: WasmForm,
  inputs: Inputs,
  { headRows, targets, randoms }: { headRows: Value; targets: Value; randoms: Value },
  fineHead = false,
): { value: Value; dtype: 'int64' | 'float32' }[] {
  const { dialect, added } = wasmDialect(g, config, form, inputs, inputs.ids, g.int64(0), null, fineHead);
  const hidden = decoder(g, config, dialect, g.op('Unsqueeze', [inputs.ids, g.int64([1])])); // [tokens, 1, hidden]
  const { id, argmax, logprobs, logits } = headOutputs(g, dialect, hidden, inputs.select, {
    headRows,
    targets,
    randoms,
  });
  const float = (value: Value) => ({ value, dtype: 'float32' as const });
  return [
    { value: id, dtype: 'int64' },
    { value: argmax, dtype: 'int64' },
    ...[logprobs, logits, ...added.keys, ...added.values].map(float),
  ];
}

/** Outputs of a chunk from its normed hidden states `[tokens, 1, hidden]`: a token after each of the last `headRows`, as many as there are `randoms`, and of all of them the best token, the target's log-probability, the logits. */
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
