/**
 * The WebGPU dialect: one session for prefill (`[tokens]` at once) and decode (one token), every node on the GPU. Keys and values lie in buffers
 * of `slots` positions that GroupQueryAttention writes in place: past and present are the same tensors. Choosing a token is no part of the
 * graph: it gives logits, which stay on the GPU (see webgpu/selection.ts).
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import { declare } from '../graph/external-data.ts';
import { decoder, type Dialect, type LinearName } from '../graph/decoder-network.ts';
import { Graph, type Value } from '../graph/onnx.ts';
import { ortNorms, quickGelu } from '../graph/ort-kernels.ts';
import { sharesOfAll, sparseMixer } from '../graph/sparse-mixer.ts';
import type { FloatType } from '../weights/half.ts';
import type { MatrixName, MatrixPlan, Piece, WebgpuPlan } from './weights.ts';

const FLOAT = 1;
const FLOAT16 = 10;
const typeCode = (dtype: FloatType) => ({ int: dtype === 'float16' ? FLOAT16 : FLOAT });
/** MatMulNBits computes with float activations: 4 would quantise them to int8. */
const ACCURACY_LEVEL = 0;

/**
 * The model's protobuf. Inputs: `ids` int32 [tokens], `seqlens_k` int32 [1] (positions in all, minus one), `total` int32 scalar (positions in
 * all), `cos` and `sin` [slots, rotaryDim / 2], `head_rows` int32 [rows], `past_key.l` and `past_value.l` [1, kvHeads, slots, headDim].
 * Outputs: `logits` float32 [rows, vocab], `present_key.l`, `present_value.l`. `adapt`: for tests that look at single steps.
 */
export function webgpuGraph(
  config: PhiConfig,
  plan: WebgpuPlan,
  slots: number,
  adapt: (dialect: Dialect, g: Graph) => Dialect = (dialect) => dialect,
): Uint8Array {
  const g = new Graph('phi_webgpu');
  for (const group of plan.groups.slice(0, -1)) declare(g, group); // without the error's
  const { layers, kvHeads, headDim, rotaryDim, vocab } = config;
  const cache = [1, kvHeads, slots, headDim];
  const ids = g.input('ids', 'int32', ['tokens']);
  g.input('seqlens_k', 'int32', [1]);
  g.input('total', 'int32', []);
  g.input('cos', plan.dtype, [slots, rotaryDim / 2]);
  g.input('sin', plan.dtype, [slots, rotaryDim / 2]);
  const headRows = g.input('head_rows', 'int32', ['rows']);
  for (let l = 0; l < layers; l++) {
    for (const part of ['key', 'value']) {
      g.input(`past_${part}.${l}`, plan.dtype, cache);
      g.output(`present_${part}.${l}`, plan.dtype, cache);
    }
  }
  const dialect = adapt(webgpuDialect(config, plan), g);
  const hidden = decoder(g, config, dialect, ids);
  const head = plan.matrices.get('head')!;
  const last = convert(g, g.op('Gather', [hidden, headRows]), plan.dtype, head.dtype); // [rows, hidden]
  // Named by its own node: an Identity is a copy, which a captured graph does not repeat.
  const logits = biased(g, config, linear(g, last, head), 'head');
  g.call(convert(g, logits, head.dtype, 'float32'), 'logits');
  g.output('logits', 'float32', ['rows', vocab]);
  return g.toModel();
}

function webgpuDialect(config: PhiConfig, plan: WebgpuPlan): Dialect {
  const { heads, kvHeads, headDim, normEps, slidingWindow, hidden, intermediate } = config;
  const matrix = (name: MatrixName) => plan.matrices.get(name);
  return {
    embed(g, ids) {
      const table = matrix(plan.tied ? 'head' : 'embedding')!;
      return convert(g, embed(g, ids, table), table.dtype, plan.dtype);
    },
    ...ortNorms(normEps, config.experts !== undefined),
    linear(g, x, name: LinearName) {
      const product = linear(g, x, matrix(name)!);
      return /\.(qkv|output)$/.test(name) ? biased(g, config, product, name) : product;
    },
    attention(g, layer, qkv) {
      const packed = g.op('Reshape', [qkv, g.int64([1, -1, (heads + 2 * kvHeads) * headDim])]);
      const [mixed] = g.ops(
        'com.microsoft::GroupQueryAttention',
        [packed, '', '', `past_key.${layer}`, `past_value.${layer}`, 'seqlens_k', 'total', 'cos', 'sin'],
        [g.fresh('mixed'), `present_key.${layer}`, `present_value.${layer}`],
        {
          num_heads: { int: heads },
          kv_num_heads: { int: kvHeads },
          do_rotary: { int: 1 },
          rotary_interleaved: { int: 0 },
          local_window_size: { int: slidingWindow ?? -1 },
        },
      );
      return g.op('Reshape', [mixed!, g.int64([-1, heads * headDim])]);
    },
    activate: quickGelu,
    experts(g, layer, normed) {
      // All experts side by side are one wide MLP; what a token does not go to is multiplied by zero.
      const { count } = config.experts!;
      const read = convert(g, normed, plan.dtype, 'float32');
      const scores = g.op('Gemm', [read, `layers.${layer}.router`], { transB: { int: 1 } });
      const shares = convert(g, sharesOfAll(g, sparseMixer(g, scores, config.experts!)), 'float32', plan.dtype);
      const activated = quickGelu(g, linear(g, normed, matrix(`layers.${layer}.gateUp`)!));
      const apart = g.op('Reshape', [activated, g.int64([-1, count, intermediate])]);
      const shared = g.op('Mul', [apart, g.op('Unsqueeze', [shares, g.int64([2])])]);
      const joint = g.op('Reshape', [shared, g.int64([-1, count * intermediate])]);
      return linear(g, joint, matrix(`layers.${layer}.down`)!);
    },
    mlp(g, layer, x, y) {
      const gate = matrix(`layers.${layer}.gate`);
      const up = matrix(`layers.${layer}.up`);
      if (!gate?.blocks || !up) return null;
      const [activated, sum] = g.ops(
        'com.microsoft::MatMulNBitsMlp',
        [x, y, `layers.${layer}.mlpNorm`, ...weights(gate.pieces[0]!), '', ...weights(up.pieces[0]!), ''],
        2,
        { ...sizes(hidden, intermediate, gate.blocks), activation: { string: 'silu' } },
      ) as [Value, Value];
      return { sum, activated };
    },
  };
}

/** Only models with experts have biases. */
const biased = (g: Graph, { experts }: PhiConfig, y: Value, name: LinearName): Value =>
  experts ? g.op('Add', [y, `${name}.bias`]) : y;

const weights = ({ name }: Piece): Value[] => [`${name}.codes`, `${name}.scales`];
const sizes = (k: number, n: number, { bits, block }: { bits: number; block: number }) => ({
  K: { int: k },
  N: { int: n },
  bits: { int: bits },
  block_size: { int: block },
  accuracy_level: { int: ACCURACY_LEVEL },
});

function convert(g: Graph, x: Value, from: FloatType, to: FloatType): Value {
  return from === to ? x : g.op('Cast', [x], { to: typeCode(to) });
}

/** `[tokens, cols]` -> `[tokens, rows]` */
function linear(g: Graph, x: Value, { cols, blocks, pieces }: MatrixPlan): Value {
  if (!blocks) return joined(g, pieces, (piece) => g.op('Gemm', [x, piece.name], { transB: { int: 1 } }));
  let sums: Value | undefined;
  const blockSums = () =>
    (sums ??= g.op(
      'ReduceSum',
      [g.op('Reshape', [x, g.int64([-1, cols / blocks.block, blocks.block])]), g.int64([2])],
      { keepdims: { int: 0 } },
    ));
  return joined(g, pieces, (piece) => {
    const zeros = blocks.shift === 'zero-points' ? [`${piece.name}.zeros`] : [];
    const product = g.op(
      'com.microsoft::MatMulNBits',
      [x, ...weights(piece), ...zeros],
      sizes(cols, piece.rows, blocks),
    );
    // Adds the part of each weight beyond scale * code, times the sum of the block's activations. Exact, with 1/32 of the weights.
    return blocks.shift === 'mins'
      ? g.op('Gemm', [blockSums(), `${piece.name}.mins`, product], { transB: { int: 1 } })
      : product;
  });
}

function joined(g: Graph, pieces: Piece[], make: (piece: Piece) => Value): Value {
  const parts = pieces.map(make);
  return parts.length === 1 ? parts[0]! : g.op('Concat', parts, { axis: { int: -1 } });
}

/** ids `[tokens]` -> rows of the table, `[tokens, cols]` */
function embed(g: Graph, ids: Value, table: MatrixPlan): Value {
  let rows: Value | undefined;
  for (const piece of table.pieces) {
    if (!rows) {
      rows = gatherRows(g, table.pieces.length === 1 ? ids : clampIds(g, ids, piece.rows), table, piece);
      continue;
    }
    const local = g.op('Sub', [ids, int32(g, piece.start)]);
    const inside = g.op('GreaterOrEqual', [local, int32(g, 0)]); // pieces after it overwrite what lies behind this one
    const found = gatherRows(g, clampIds(g, local, piece.rows), table, piece);
    rows = g.op('Where', [g.op('Unsqueeze', [inside, g.int64([1])]), found, rows]);
  }
  return rows!;
}

const int32 = (g: Graph, value: number) => g.tensor(g.fresh('i32'), 'int32', [], Int32Array.of(value));
const clampIds = (g: Graph, ids: Value, rows: number) =>
  g.op('Min', [g.op('Max', [ids, int32(g, 0)]), int32(g, rows - 1)]);

function gatherRows(g: Graph, ids: Value, { cols, blocks }: MatrixPlan, { name, rows }: Piece): Value {
  if (!blocks) return g.op('Gather', [name, ids]);
  const { bits, block, shift } = blocks;
  // The head's codes [rows, blocks, bytes] seen as [rows, bytes]: no copy.
  const codes = g.op('Reshape', [`${name}.codes`, g.int64([rows, (cols * bits) / 8])]);
  const zeros = shift === 'zero-points' ? [`${name}.zeros`] : [];
  const found = g.op('com.microsoft::GatherBlockQuantized', [codes, ids, `${name}.scales`, ...zeros], {
    gather_axis: { int: 0 },
    quantize_axis: { int: 1 },
    block_size: { int: block },
    bits: { int: bits },
  });
  if (shift !== 'mins') return found;
  const mins = g.op('Reshape', [g.op('Gather', [`${name}.mins`, ids]), g.int64([-1, cols / block, 1])]);
  const shifted = g.op('Add', [g.op('Reshape', [found, g.int64([-1, cols / block, block])]), mins]);
  return g.op('Reshape', [shifted, g.int64([-1, cols])]);
}
