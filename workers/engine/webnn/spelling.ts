/** Steps that both dialects of the WebNN graph spell alike. */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from '../graph/onnx.ts';

/** TensorProto.DataType, for Cast. */
export const FLOAT = 1;
export const FLOAT16 = 10;

export const reshape = (g: Graph, x: Value, dims: number[]): Value => g.op('Reshape', [x, g.int64(dims)]);
export const transpose = (g: Graph, x: Value, perm: number[]): Value =>
  g.op('Transpose', [x], { perm: { ints: perm } });
export const concat = (g: Graph, parts: Value[], axis: number): Value =>
  parts.length === 1 ? parts[0]! : g.op('Concat', parts, { axis: { int: axis } });
export const cast = (g: Graph, x: Value, to: number): Value => g.op('Cast', [x], { to: { int: to } });

/** Parts of the given sizes along an axis. Slice, not Split: XNNPACK has no uneven split, and each operator that it lacks cuts its graph. */
export function slices(g: Graph, x: Value, axis: number, sizes: readonly number[]): Value[] {
  let at = 0;
  return sizes.map((size) => g.op('Slice', [x, g.int64([at]), g.int64([(at += size)]), g.int64([axis])]));
}

/** Rotary embedding of `[width, n, headDim]`; a pair is (i, i + rotaryDim / 2). `cos`, `sin`: `[width, 1, headDim]`, the sign is in `sin`. */
function rotate(g: Graph, x: Value, { rotaryDim, headDim }: PhiConfig, cos: Value, sin: Value): Value {
  const half = rotaryDim / 2;
  const [first, second, rest] = slices(g, x, 2, [
    half,
    half,
    ...(rotaryDim < headDim ? [headDim - rotaryDim] : []),
  ]) as [Value, Value, Value?];
  const swapped = concat(g, [second, first, ...(rest ? [rest] : [])], 2);
  return g.op('Add', [g.op('Mul', [x, cos]), g.op('Mul', [swapped, sin])]);
}

/** Queries, keys and values `[width, n, headDim]` of `[width, (heads + 2 kvHeads) headDim]`, rotated; queries are scaled by 1 / sqrt(headDim). */
export function queriesKeysValues(
  g: Graph,
  config: PhiConfig,
  width: number,
  qkv: Value,
  cos: Value,
  sin: Value,
): { queries: Value; keys: Value; values: Value } {
  const { heads, kvHeads, headDim } = config;
  const [qk, v] = slices(g, qkv, 1, [(heads + kvHeads) * headDim, kvHeads * headDim]) as [Value, Value];
  const rotated = rotate(g, reshape(g, qk, [width, heads + kvHeads, headDim]), config, cos, sin);
  const [q, keys] = slices(g, rotated, 1, [heads, kvHeads]) as [Value, Value];
  return {
    queries: g.op('Mul', [q, g.float(1 / Math.sqrt(headDim))]),
    keys,
    values: reshape(g, v, [width, kvHeads, headDim]),
  };
}

/** `[width, kvHeads * inner, headDim]` -> `[kvHeads, inner * width, headDim]` */
export function byHead(g: Graph, x: Value, { kvHeads, headDim }: PhiConfig, width: number, inner: number): Value {
  if (width === 1) return reshape(g, x, [kvHeads, inner, headDim]);
  return reshape(g, transpose(g, reshape(g, x, [width, kvHeads, inner, headDim]), [1, 2, 0, 3]), [
    kvHeads,
    inner * width,
    headDim,
  ]);
}

/** `[kvHeads, group * width, headDim]` -> `[width, heads * headDim]` */
export function byToken(g: Graph, x: Value, { heads, kvHeads, headDim }: PhiConfig, width: number): Value {
  if (width === 1) return reshape(g, x, [1, heads * headDim]);
  return reshape(g, transpose(g, reshape(g, x, [kvHeads, heads / kvHeads, width, headDim]), [2, 0, 1, 3]), [
    width,
    heads * headDim,
  ]);
}

/** The mask `[width, keys]` for every row of a group of heads: `[group * width, keys]`. */
export function maskRows(g: Graph, mask: Value, group: number, width: number, keys: number): Value {
  if (group === 1 || width === 1) return mask;
  const expanded = g.op('Expand', [reshape(g, mask, [1, width, keys]), g.int64([group, width, keys])]);
  return reshape(g, expanded, [group * width, keys]);
}

/** The recent cache of all layers as it comes in, and each layer's part of it. */
export interface RecentCache {
  cache: Value;
  parts: Value[];
}

/** Declares the recent cache `name`; `dims` begin with the layers. */
export function recentCache(g: Graph, name: string, dtype: 'float32' | 'float16', dims: number[]): RecentCache {
  const cache = g.input(name, dtype, dims);
  const ones = Array.from({ length: dims[0]! }, () => 1);
  return { cache, parts: slices(g, cache, 0, ones).map((one) => reshape(g, one, dims.slice(1))) };
}

/** `[...dims]` of each layer -> `[layers, ...dims]` */
export const stack = (g: Graph, own: Value[], dims: number[]): Value =>
  concat(
    g,
    own.map((x) => reshape(g, x, [1, ...dims])),
    0,
  );

export interface AttentionPart {
  /** `[width, (heads + 2 kvHeads) headDim]` -> `[width, heads headDim]` */
  layer(layer: number, qkv: Value): Value;
  /** The recent cache with this run's tokens, or the run's own keys and values; shapes as cacheLayout. */
  added(): { key: Value; value: Value };
}
