/**
 * The WebNN dialect: static shapes, plain operators. A run takes `width` tokens; those that are not filled are padding whose keys nobody sees.
 *
 * Keys and values lie in two caches that a run only reads: the settled one with `slots` positions in tensors of their own, and the recent one
 * with the last `recent` positions. A run gives the recent cache with its own tokens added: rewriting the settled one at every token would copy
 * megabytes (LiteRT, starter, 1,024 slots: 10 ms of a token's 30). From time to time the recent one is settled (webnn/kv-cache.ts).
 * A graph without recent cache gives just the keys and values of its own tokens.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import { declare } from '../weights/plan.ts';
import { decoder, type Dialect } from '../graph/decoder-network.ts';
import { Graph, type Dtype, type Value } from '../graph/onnx.ts';
import { candidates } from './select-graph.ts';
import type { WebnnMatrix, WebnnPlan } from './weights.ts';

export interface WebnnShape {
  /** Tokens a run. */
  width: number;
  /** Positions of the settled cache. */
  slots: number;
  /** Positions of it, from the first, that are looked at. */
  visible: number;
  /** Positions of the recent cache; 0: none, the run's own keys and values are the outputs. */
  recent: number;
  /** Computes the head on one row, and its candidates. */
  head: boolean;
  /** The layers' matrices are part of the graph, or tensors fed to it, which several graphs share. */
  weights: 'constants' | 'inputs';
}

/**
 * Values are cached in panels of this many dimensions, `[kvHeads, headDim / panel, slots, panel]`: XNNPACK repacks the right side of every
 * matmul, and does so along memory only when it is as narrow as its kernel (7.7 against 9.5 ms a token for attention over 1,024 slots).
 */
export function valuePanel(headDim: number): number {
  return headDim % 16 === 0 ? 16 : headDim;
}

export const cacheShapes = ({ layers, kvHeads, headDim }: PhiConfig, slots: number, recent: number) => ({
  key: [kvHeads, slots, headDim],
  value: [kvHeads, headDim / valuePanel(headDim), slots, valuePanel(headDim)],
  recent: [layers, kvHeads, recent, headDim],
});

const FLOAT = 1;
const FLOAT16 = 10;

/**
 * The model's protobuf. Inputs: `x` float32 [width, hidden], embedded tokens; `cos`, `sin` float32 [width, 1, headDim] with the sign of
 * the rotation in sin and 1 and 0 where nothing is rotated; `mask` float32 [width, visible + recent + width], added to the scores; `key.l`,
 * `value.l`, `recent_key`, `recent_value` as cacheShapes; `keep` float32 [recent, 1]: 1 where the recent cache holds something; `place` float32
 * [recent, width]: 1 where a token goes; with a head `row` int32 [1] and those of webnn/select-graph.ts. `inputs` are those that are left: what no
 * output needs is dropped.
 * Outputs: `new_key`, `new_value` [layers, kvHeads, recent or width, headDim]; with a head `logits` [1, vocab] and `summary`.
 */
export function webnnGraph(
  config: PhiConfig,
  plan: WebnnPlan,
  shape: WebnnShape,
): { model: Uint8Array; inputs: string[] } {
  const g = new Graph('phi_webnn');
  const { layers, kvHeads, headDim, hidden, vocab } = config;
  const { width, slots, recent } = shape;
  for (const group of [
    ...plan.groups.norms,
    ...(shape.head ? plan.groups.head : []),
    ...(shape.weights === 'constants' ? plan.groups.layers : []),
  ])
    declare(g, group);
  if (shape.weights === 'inputs')
    for (const { tensors } of plan.groups.layers)
      for (const { name, dtype, dims } of tensors) g.input(name, dtype, dims);
  const x = g.input('x', 'float32', [width, hidden]);
  const shapes = cacheShapes(config, slots, recent);
  for (let l = 0; l < layers; l++) {
    g.input(`key.${l}`, 'float32', shapes.key);
    g.input(`value.${l}`, 'float32', shapes.value);
  }
  const attention = attentionPart(g, config, shape);
  const dialect: Dialect = {
    embed: (_, x) => x,
    norm: (g, x, weight) => norm(g, x, weight, config.normEps),
    addNorm(g, x, y, weight) {
      const sum = g.op('Add', [x, y]);
      return { sum, normed: norm(g, sum, weight, config.normEps) };
    },
    linear: (g, x, name) => linear(g, x, plan.matrices.get(name)!, plan.form),
    attention: (_, layer, qkv) => attention.layer(layer, qkv),
    activate(g, gateUp) {
      const [gate, up] = slices(g, gateUp, 1, [config.intermediate, config.intermediate]) as [Value, Value];
      return g.op('Mul', [g.op('Mul', [gate, g.op('Sigmoid', [gate])]), up]);
    },
  };
  const last = decoder(g, config, dialect, x);
  const out = [layers, kvHeads, recent || width, headDim];
  const { key, value } = attention.added();
  output(g, key, 'new_key', out);
  output(g, value, 'new_value', out);
  if (shape.head) {
    const row = g.op('Gather', [last, g.input('row', 'int32', [1])]); // [1, hidden]
    const logits = dialect.linear(g, row, 'head');
    output(g, logits, 'logits', [1, vocab]);
    const summary = candidates(g, logits, vocab);
    output(g, summary.value, 'summary', [summary.length]);
  }
  g.prune(); // without a head: what follows the last layer's keys and values
  return { model: g.toModel(), inputs: g.inputs };
}

function output(g: Graph, value: Value, name: string, dims: number[], dtype: Dtype = 'float32'): void {
  g.rename(value, name);
  g.output(name, dtype, dims);
}

/** Parts of the given sizes along an axis. Slice, not Split: XNNPACK has no uneven split, and each operator that it lacks cuts its graph. */
function slices(g: Graph, x: Value, axis: number, sizes: number[]): Value[] {
  let at = 0;
  return sizes.map((size) => g.op('Slice', [x, g.int64([at]), g.int64([(at += size)]), g.int64([axis])]));
}

function norm(g: Graph, x: Value, weight: Value, epsilon: number): Value {
  const meanSquare = g.op('ReduceMean', [g.op('Mul', [x, x]), g.int64([1])], { keepdims: { int: 1 } });
  return g.op('Mul', [g.op('Div', [x, g.op('Sqrt', [g.op('Add', [meanSquare, g.float(epsilon)])])]), weight]);
}

/** `[tokens, cols]` -> `[tokens, rows]` */
function linear(g: Graph, x: Value, matrix: WebnnMatrix, form: WebnnPlan['form']): Value {
  const parts = matrix.pieces.map((piece) => product(g, x, piece, matrix, form));
  return parts.length === 1 ? parts[0]! : g.op('Concat', parts, { axis: { int: 1 } });
}

/** With the rows that one piece holds. */
function product(
  g: Graph,
  x: Value,
  name: string,
  { cols, blocks, group, mins }: WebnnMatrix,
  form: WebnnPlan['form'],
): Value {
  const transposed = { transB: { int: 1 } };
  if (form === 'float32') return g.op('Gemm', [x, name], transposed);
  if (form === 'float16')
    return g.op('Cast', [g.op('Gemm', [g.op('Cast', [x], { to: { int: FLOAT16 } }), name], transposed)], {
      to: { int: FLOAT },
    });
  if (form === 'int8-cast') return castProduct(g, x, name);
  if (group !== null && group < cols) return groupedProduct(g, x, name, cols / group, group);
  if (!blocks) {
    const weights = g.op('DequantizeLinear', [`${name}.codes`, `${name}.scales`], { axis: { int: 1 } });
    const scaled = g.op('MatMul', [x, weights]);
    if (!mins) return scaled;
    // What every weight of a column has on top of scale * code, times the sum of the activations.
    const sum = g.op('ReduceSum', [x, g.int64([1])], { keepdims: { int: 1 } });
    return g.op('Add', [scaled, g.op('Mul', [sum, `${name}.mins`])]);
  }
  const weights = g.op('DequantizeLinear', [`${name}.codes`, `${name}.scales`], {
    axis: { int: 1 },
    block_size: { int: blocks.block },
  });
  const scaled = g.op('Gemm', [x, weights], transposed);
  if (blocks.shift !== 'mins') return scaled;
  // What every weight of a block has on top of scale * code, times the sum of the block's activations.
  const sums = g.op(
    'ReduceSum',
    [g.op('Reshape', [x, g.int64([-1, cols / blocks.block, blocks.block])]), g.int64([2])],
    { keepdims: { int: 0 } },
  );
  return g.op('Add', [scaled, g.op('Gemm', [sums, `${name}.mins`], transposed)]);
}

/** Qualcomm's Hexagon takes no DequantizeLinear by column: codes as floats, and the scales behind the product. */
function castProduct(g: Graph, x: Value, name: string): Value {
  const codes = g.op('Cast', [`${name}.codes`], { to: { int: FLOAT } });
  return g.op('Mul', [g.op('MatMul', [x, codes]), `${name}.scales`]);
}

/** Groups of inputs as a batch: codes `[groups, group, N]` with one scale of 1, scales `[groups, 1, N]` behind the products, and their sum. */
function groupedProduct(g: Graph, x: Value, name: string, groups: number, group: number): Value {
  const parts = g.op('Transpose', [g.op('Reshape', [x, g.int64([-1, groups, group])])], {
    perm: { ints: [1, 0, 2] },
  }); // [groups, tokens, group]
  // One scale of 1 for all; the zero point is said too, because ONNX Runtime 1.31 gives WebNN one of another shape.
  const zero = g.tensor(g.fresh('zero'), 'int4', [], Uint8Array.of(0));
  const codes = g.op('DequantizeLinear', [`${name}.codes`, g.float(1), zero]);
  const scaled = g.op('Mul', [g.op('MatMul', [parts, codes]), `${name}.scales`]);
  return g.op('ReduceSum', [scaled, g.int64([0])], { keepdims: { int: 0 } });
}

interface AttentionPart {
  layer(layer: number, qkv: Value): Value;
  /** The recent cache with this run's tokens, or the run's own keys and values. */
  added(): { key: Value; value: Value };
}

function attentionPart(g: Graph, config: PhiConfig, { width, slots, visible, recent }: WebnnShape): AttentionPart {
  const { layers, heads, kvHeads, headDim, rotaryDim } = config;
  const group = heads / kvHeads;
  const rows = group * width; // queries of a key-value head
  const panel = valuePanel(headDim);
  const reshape = (x: Value, dims: number[]) => g.op('Reshape', [x, g.int64(dims)]);
  const transpose = (x: Value, perm: number[]) => g.op('Transpose', [x], { perm: { ints: perm } });
  const concat = (parts: Value[], axis: number) =>
    parts.length === 1 ? parts[0]! : g.op('Concat', parts, { axis: { int: axis } });
  const cos = g.input('cos', 'float32', [width, 1, headDim]);
  const sin = g.input('sin', 'float32', [width, 1, headDim]);
  const keys = visible + recent + width;
  const seen = (cache: Value, axis: number) => (visible === slots ? cache : slices(g, cache, axis, [visible])[0]!);
  const given = g.input('mask', 'float32', [width, keys]);
  // [rows, keys]: the same for every head of a group
  const mask =
    group === 1 || width === 1
      ? given
      : reshape(g.op('Expand', [reshape(given, [1, width, keys]), g.int64([group, width, keys])]), [rows, keys]);
  const recentOf = (name: string) => {
    if (!recent) return null;
    const cache = g.input(name, 'float32', [layers, kvHeads, recent, headDim]);
    const parts = slices(
      g,
      cache,
      0,
      Array.from({ length: layers }, () => 1),
    );
    return { cache, parts: parts.map((part) => reshape(part, [kvHeads, recent, headDim])) };
  };
  const recentKeys = recentOf('recent_key');
  const recentValues = recentOf('recent_value');
  const ownKeys: Value[] = []; // [kvHeads, width, headDim]
  const ownValues: Value[] = [];

  /** `[width, n, headDim]`; a pair is (i, i + rotaryDim / 2), its sign is in `sin`. */
  const rotate = (x: Value): Value => {
    const half = rotaryDim / 2;
    const [first, second, rest] = slices(g, x, 2, [
      half,
      half,
      ...(rotaryDim < headDim ? [headDim - rotaryDim] : []),
    ]) as [Value, Value, Value?];
    const swapped = concat([second, first, ...(rest ? [rest] : [])], 2);
    return g.op('Add', [g.op('Mul', [x, cos]), g.op('Mul', [swapped, sin])]);
  };
  /** `[width, kvHeads * inner, headDim]` -> `[kvHeads, inner * width, headDim]` */
  const byHead = (x: Value, inner: number): Value => {
    if (width === 1) return reshape(x, [kvHeads, inner, headDim]);
    return reshape(transpose(reshape(x, [width, kvHeads, inner, headDim]), [1, 2, 0, 3]), [
      kvHeads,
      inner * width,
      headDim,
    ]);
  };
  /** Scores of queries `[kvHeads, rows, headDim]` with keys `[kvHeads, n, headDim]` of several caches: `[kvHeads, rows, all n]`. */
  const scores = (queries: Value, caches: Value[]): Value => {
    if (width > 1)
      return concat(
        caches.map((cache) => g.op('MatMul', [queries, transpose(cache, [0, 2, 1])])),
        2,
      );
    // Few queries: the keys go on the left, which XNNPACK does not repack (10 against 14 ms a token).
    const few = transpose(queries, [0, 2, 1]);
    return transpose(
      concat(
        caches.map((cache) => g.op('MatMul', [cache, few])),
        1,
      ),
      [0, 2, 1],
    );
  };
  return {
    layer(layer, qkv) {
      const [qk, v] = slices(g, qkv, 1, [(heads + kvHeads) * headDim, kvHeads * headDim]) as [Value, Value];
      const [q, k] = slices(g, rotate(reshape(qk, [width, heads + kvHeads, headDim])), 1, [heads, kvHeads]) as [
        Value,
        Value,
      ];
      const queries = byHead(g.op('Mul', [q, g.float(1 / Math.sqrt(headDim))]), group);
      const key = byHead(k, 1);
      const value = byHead(v, 1);
      ownKeys.push(key);
      ownValues.push(value);
      const near = (cache: ReturnType<typeof recentOf>, own: Value) =>
        cache ? concat([cache.parts[layer]!, own], 1) : own;
      const all = g.op('Add', [scores(queries, [seen(`key.${layer}`, 1), near(recentKeys, key)]), mask]);
      const [far, close] = slices(g, g.op('Softmax', [all], { axis: { int: -1 } }), 2, [visible, recent + width]) as [
        Value,
        Value,
      ];
      const panels = g.op('MatMul', [reshape(far, [kvHeads, 1, rows, visible]), seen(`value.${layer}`, 2)]); // [kvHeads, headDim / panel, rows, panel]
      const settled = panel === headDim ? panels : transpose(panels, [0, 2, 1, 3]);
      const mixed = g.op('Add', [
        reshape(settled, [kvHeads, rows, headDim]),
        g.op('MatMul', [close, near(recentValues, value)]),
      ]);
      if (width === 1) return reshape(mixed, [1, heads * headDim]);
      return reshape(transpose(reshape(mixed, [kvHeads, group, width, headDim]), [2, 0, 1, 3]), [
        width,
        heads * headDim,
      ]);
    },
    added() {
      const stacked = (own: Value[]) =>
        concat(
          own.map((x) => reshape(x, [1, kvHeads, width, headDim])),
          0,
        ); // [layers, kvHeads, width, headDim]
      if (!recentKeys || !recentValues) return { key: stacked(ownKeys), value: stacked(ownValues) };
      const keep = g.input('keep', 'float32', [recent, 1]);
      const place = g.input('place', 'float32', [recent, width]);
      const added = (cache: Value, own: Value[]) =>
        g.op('Add', [g.op('Mul', [cache, keep]), g.op(width === 1 ? 'Mul' : 'MatMul', [place, stacked(own)])]);
      return { key: added(recentKeys.cache, ownKeys), value: added(recentValues.cache, ownValues) };
    },
  };
}
