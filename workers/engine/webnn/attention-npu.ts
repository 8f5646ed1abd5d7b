/**
 * Attention as NPUs are fast with it, by Intel's estimates (docs/npu.md): settled and recent keys are joined, so that scores and mixing are
 * one product each; a rotation computes each half of a head and joins them once; the mask is spread over heads once for all layers;
 * everything between the projections is float16.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from '../graph/onnx.ts';
import { cacheLayout } from './cache-layout.ts';
import type { WebnnShape } from './shape.ts';
import {
  byHead,
  byToken,
  cast,
  concat,
  FLOAT,
  FLOAT16,
  recentCache,
  reshape,
  slices,
  stack,
  transpose,
  type AttentionPart,
  type RecentCache,
} from './spelling.ts';

export function npuAttention(
  g: Graph,
  config: PhiConfig,
  { width, slots, visible, recent }: WebnnShape,
): AttentionPart {
  const { heads, kvHeads, headDim } = config;
  const group = heads / kvHeads;
  const layout = cacheLayout(config, slots, recent, 'npu');
  const rotation = rotationTables(g, config, width);
  const keys = visible + recent + width;
  const seen = (cache: Value, axis: number) => (visible === slots ? cache : slices(g, cache, axis, [visible])[0]!);
  const given = cast(g, g.input('mask', 'float32', [width, keys]), FLOAT16);
  const mask = spreadMask(g, given, config, width, keys);
  const recentKeys = recent ? recentCache(g, 'recent_key', layout.dtype, layout.recentKey) : null;
  const recentValues = recent ? recentCache(g, 'recent_value', layout.dtype, layout.recentValue) : null;
  const ownKeys: Value[] = []; // [kvHeads, width, headDim]
  const ownValues: Value[] = []; // [kvHeads, headDim, width]
  const joined = (settled: Value, near: RecentCache | null, layer: number, own: Value, axis: number) =>
    concat(g, [seen(settled, axis), ...(near ? [near.parts[layer]!] : []), own], axis);

  return {
    layer(layer, qkv) {
      const [q, k, v] = slices(g, qkv, 1, [heads * headDim, kvHeads * headDim, kvHeads * headDim]) as [
        Value,
        Value,
        Value,
      ];
      const half = (x: Value, n: number) => reshape(g, cast(g, x, FLOAT16), [width, n, headDim]);
      const queries = byHead(g, rotation.queries(half(q, heads)), config, width, group);
      const key = byHead(g, rotation.keys(half(k, kvHeads)), config, width, 1);
      const value =
        width === 1 ? reshape(g, half(v, kvHeads), [kvHeads, headDim, 1]) : transpose(g, half(v, kvHeads), [1, 2, 0]);
      ownKeys.push(key);
      ownValues.push(value);
      const allKeys = joined(`key.${layer}`, recentKeys, layer, key, 1); // [kvHeads, keys, headDim]
      const allValues = joined(`value.${layer}`, recentValues, layer, value, 2); // [kvHeads, headDim, keys]
      const scores = g.op('Add', [g.op('MatMul', [queries, transpose(g, allKeys, [0, 2, 1])]), mask]);
      const weights = g.op('Softmax', [scores], { axis: { int: -1 } }); // [kvHeads, group * width, keys]
      const mixed = g.op('MatMul', [weights, transpose(g, allValues, [0, 2, 1])]);
      return cast(g, byToken(g, mixed, config, width), FLOAT);
    },
    added() {
      const key = stack(g, ownKeys, [kvHeads, width, headDim]);
      const value = stack(g, ownValues, [kvHeads, headDim, width]);
      if (!recentKeys || !recentValues) return { key, value };
      const keep = cast(g, g.input('keep', 'float32', [recent, 1]), FLOAT16);
      const place = cast(g, g.input('place', 'float32', [recent, width]), FLOAT16);
      const keepColumns = reshape(g, keep, [1, recent]);
      const placeColumns = width === 1 ? reshape(g, place, [1, recent]) : transpose(g, place, [1, 0]);
      const product = width === 1 ? 'Mul' : 'MatMul';
      return {
        key: g.op('Add', [g.op('Mul', [recentKeys.cache, keep]), g.op(product, [place, key])]),
        value: g.op('Add', [g.op('Mul', [recentValues.cache, keepColumns]), g.op(product, [value, placeColumns])]),
      };
    },
  };
}

interface Rotation {
  /** `[width, heads, headDim]`, rotated and scaled by 1 / sqrt(headDim). */
  queries(x: Value): Value;
  /** `[width, kvHeads, headDim]`, rotated. */
  keys(x: Value): Value;
}

/** Rotary embedding of pairs (i, i + rotaryDim / 2): (a, b) becomes (a cos - b sin, b cos + a sin). The scale of the scores is in the queries' tables. */
function rotationTables(g: Graph, { headDim, rotaryDim }: PhiConfig, width: number): Rotation {
  const half = rotaryDim / 2;
  const rest = headDim - rotaryDim;
  const scale = cast(g, g.float(1 / Math.sqrt(headDim)), FLOAT16);
  // Of the tables for a whole head, with the sign in sin, the second half of what is rotated: plain cosines and sines.
  const [cos, sin] = ['cos', 'sin'].map((name) => {
    const table = g.input(name, 'float32', [width, 1, headDim]);
    return cast(g, slices(g, table, 2, [half, half])[1]!, FLOAT16);
  }) as [Value, Value];
  const rotated = (x: Value, c: Value, s: Value, still: (x: Value) => Value) => {
    const [a, b, unrotated] = slices(g, x, 2, [half, half, ...(rest ? [rest] : [])]) as [Value, Value, Value?];
    const first = g.op('Sub', [g.op('Mul', [a, c]), g.op('Mul', [b, s])]);
    const second = g.op('Add', [g.op('Mul', [b, c]), g.op('Mul', [a, s])]);
    return concat(g, [first, second, ...(unrotated ? [still(unrotated)] : [])], 2);
  };
  const [queryCos, querySin] = [cos, sin].map((table) => g.op('Mul', [table, scale])) as [Value, Value];
  return {
    queries: (x) => rotated(x, queryCos, querySin, (y) => g.op('Mul', [y, scale])),
    keys: (x) => rotated(x, cos, sin, (y) => y),
  };
}

/** The mask `[width, keys]` for every row of every head, `[kvHeads, group * width, keys]`; a single token's needs no copies. */
function spreadMask(g: Graph, mask: Value, { heads, kvHeads }: PhiConfig, width: number, keys: number): Value {
  if (width === 1) return reshape(g, mask, [1, 1, keys]);
  const all = g.op('Expand', [reshape(g, mask, [1, width, keys]), g.int64([heads, width, keys])]);
  return reshape(g, all, [kvHeads, (heads / kvHeads) * width, keys]);
}
