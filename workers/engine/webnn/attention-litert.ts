/** Attention as XNNPACK is fast with it. */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from '../graph/onnx.ts';
import { cacheLayout, valuePanel } from './cache-layout.ts';
import type { WebnnShape } from './shape.ts';
import {
  byHead,
  byToken,
  concat,
  maskRows,
  queriesKeysValues,
  recentCache,
  reshape,
  slices,
  stack,
  transpose,
  type AttentionPart,
  type RecentCache,
} from './spelling.ts';

export function litertAttention(g: Graph, config: PhiConfig, shape: WebnnShape): AttentionPart {
  const { width, slots, visible, recent } = shape;
  const { heads, kvHeads, headDim } = config;
  const group = heads / kvHeads;
  const rows = group * width; // queries of a key-value head
  const panel = valuePanel(headDim);
  const layout = cacheLayout(config, slots, recent, 'litert');
  const cos = g.input('cos', 'float32', [width, 1, headDim]);
  const sin = g.input('sin', 'float32', [width, 1, headDim]);
  const keys = visible + recent + width;
  const seen = (cache: Value, axis: number) => (visible === slots ? cache : slices(g, cache, axis, [visible])[0]!);
  const mask = maskRows(g, g.input('mask', 'float32', [width, keys]), group, width, keys); // [rows, keys]
  const recentKeys = recent ? recentCache(g, 'recent_key', 'float32', layout.recentKey) : null;
  const recentValues = recent ? recentCache(g, 'recent_value', 'float32', layout.recentValue) : null;
  const ownKeys: Value[] = []; // [kvHeads, width, headDim]
  const ownValues: Value[] = [];
  const near = (cache: RecentCache | null, layer: number, own: Value) =>
    cache ? concat(g, [cache.parts[layer]!, own], 1) : own;
  return {
    layer(layer, qkv) {
      const parts = queriesKeysValues(g, config, width, qkv, cos, sin);
      const queries = byHead(g, parts.queries, config, width, group);
      const key = byHead(g, parts.keys, config, width, 1);
      const value = byHead(g, parts.values, config, width, 1);
      ownKeys.push(key);
      ownValues.push(value);
      const caches = [seen(`key.${layer}`, 1), near(recentKeys, layer, key)];
      const all = g.op('Add', [scores(g, queries, caches, width), mask]);
      const [far, close] = slices(g, g.op('Softmax', [all], { axis: { int: -1 } }), 2, [visible, recent + width]) as [
        Value,
        Value,
      ];
      const panels = g.op('MatMul', [reshape(g, far, [kvHeads, 1, rows, visible]), seen(`value.${layer}`, 2)]); // [kvHeads, headDim / panel, rows, panel]
      const settled = panel === headDim ? panels : transpose(g, panels, [0, 2, 1, 3]);
      const mixed = g.op('Add', [
        reshape(g, settled, [kvHeads, rows, headDim]),
        g.op('MatMul', [close, near(recentValues, layer, value)]),
      ]);
      return byToken(g, mixed, config, width);
    },
    added() {
      const dims = [kvHeads, width, headDim];
      if (!recentKeys || !recentValues) return { key: stack(g, ownKeys, dims), value: stack(g, ownValues, dims) };
      const keep = g.input('keep', 'float32', [recent, 1]);
      const place = g.input('place', 'float32', [recent, width]);
      const added = (cache: Value, own: Value[]) =>
        g.op('Add', [g.op('Mul', [cache, keep]), g.op(width === 1 ? 'Mul' : 'MatMul', [place, stack(g, own, dims)])]);
      return { key: added(recentKeys.cache, ownKeys), value: added(recentValues.cache, ownValues) };
    },
  };
}

/** Scores of queries `[kvHeads, rows, headDim]` with keys `[kvHeads, n, headDim]` of several caches: `[kvHeads, rows, all n]`. */
function scores(g: Graph, queries: Value, caches: Value[], width: number): Value {
  const products = (axis: number, product: (cache: Value) => Value) => concat(g, caches.map(product), axis);
  if (width > 1) return products(2, (cache) => g.op('MatMul', [queries, transpose(g, cache, [0, 2, 1])]));
  // Few queries: the keys go on the left, which XNNPACK does not repack (10 against 14 ms a token).
  const few = transpose(g, queries, [0, 2, 1]);
  return transpose(
    g,
    products(1, (cache) => g.op('MatMul', [cache, few])),
    [0, 2, 1],
  );
}
