/** Attention of the padded graph over a cache `[1, kvHeads, length, headDim]` that goes in as `past_key_values.l.*` and out as `present.l.*`. */
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import type { Graph, Value } from '../../workers/engine/graph/onnx.ts';
import { ropeTable } from '../../workers/engine/graph/rope.ts';

interface Shape {
  width: number;
  length: number;
}

type Attention = (layer: number, qkv: Value) => Value;

function pastOf(g: Graph, layer: number, dims: number[]): [Value, Value] {
  return [
    g.input(`past_key_values.${layer}.key`, 'float32', dims),
    g.input(`past_key_values.${layer}.value`, 'float32', dims),
  ];
}

/** Parts along an axis. */
function slices(g: Graph, x: Value, axis: number, sizes: number[]): Value[] {
  let at = 0;
  return sizes.map((size) => g.op('Slice', [x, g.int64([at]), g.int64([(at += size)]), g.int64([axis])]));
}

/** Input `seqlens_k` int32 [1]: valid positions after the run, minus 1. */
export function groupQueryAttention(
  g: Graph,
  { heads, kvHeads, headDim, ...config }: PhiConfig,
  { width, length }: Shape,
): Attention {
  const seqlens = g.input('seqlens_k', 'int32', [1]);
  const total = g.tensor('total_sequence_length', 'int32', [1], Int32Array.of(length));
  const rope = ropeTable({ ...config, heads, kvHeads, headDim }, 'short', 0, length);
  const cos = g.tensor('cos_cache', 'float32', [length, headDim / 2], rope.cos);
  const sin = g.tensor('sin_cache', 'float32', [length, headDim / 2], rope.sin);
  const dims = [1, kvHeads, length, headDim];
  return (layer, qkv) => {
    const parts = slices(
      g,
      qkv,
      1,
      [heads, kvHeads, kvHeads].map((n) => n * headDim),
    ).map((part) => g.op('Unsqueeze', [part, g.int64([0])]));
    const [out] = g.ops(
      'com.microsoft::GroupQueryAttention',
      [...parts, ...pastOf(g, layer, dims), seqlens, total, cos, sin],
      [g.fresh('attention'), `present.${layer}.key`, `present.${layer}.value`],
      {
        num_heads: { int: heads },
        kv_num_heads: { int: kvHeads },
        scale: { float: 1 / Math.sqrt(headDim) },
        do_rotary: { int: 1 },
        local_window_size: { int: -1 },
      },
    );
    for (const kind of ['key', 'value']) g.output(`present.${layer}.${kind}`, 'float32', dims);
    return g.op('Reshape', [out!, g.int64([width, heads * headDim])]);
  };
}

/**
 * Inputs: `cos`, `sin` float32 [width, 1, headDim] with the sign of the rotation in sin; `mask` float32 [width, length], added to the scores;
 * and where a run does not fill the whole cache `place` float32 [length, 1]: 1 where its token goes, and `keep`: 0 there, else 1.
 */
export function plainAttention(g: Graph, { heads, kvHeads, headDim }: PhiConfig, { width, length }: Shape): Attention {
  const group = heads / kvHeads;
  const cos = g.input('cos', 'float32', [width, 1, headDim]);
  const sin = g.input('sin', 'float32', [width, 1, headDim]);
  const mask = g.input('mask', 'float32', [width, length]);
  const fills = width === length;
  const place = fills ? '' : g.input('place', 'float32', [length, 1]);
  const keep = fills ? '' : g.input('keep', 'float32', [length, 1]);
  const dims = [1, kvHeads, length, headDim];
  const reshape = (x: Value, to: number[]) => g.op('Reshape', [x, g.int64(to)]);
  const transpose = (x: Value, perm: number[]) => g.op('Transpose', [x], { perm: { ints: perm } });

  /** `[width, n, headDim]` */
  const rotate = (x: Value): Value => {
    const [first, second] = slices(g, x, 2, [headDim / 2, headDim / 2]) as [Value, Value];
    const swapped = g.op('Concat', [second, first], { axis: { int: 2 } });
    return g.op('Add', [g.op('Mul', [x, cos]), g.op('Mul', [swapped, sin])]);
  };
  /** `[width, kvHeads * inner, headDim]` -> `[1, kvHeads, inner * width, headDim]` */
  const byHead = (x: Value, inner: number) =>
    reshape(transpose(reshape(x, [width, kvHeads, inner, headDim]), [1, 2, 0, 3]), [
      1,
      kvHeads,
      inner * width,
      headDim,
    ]);

  return (layer, qkv) => {
    const [qk, v] = slices(g, qkv, 1, [(heads + kvHeads) * headDim, kvHeads * headDim]) as [Value, Value];
    const [q, k] = slices(g, rotate(reshape(qk, [width, heads + kvHeads, headDim])), 1, [heads, kvHeads]) as [
      Value,
      Value,
    ];
    const past = fills ? null : pastOf(g, layer, dims);
    const [key, value] = [byHead(k, 1), byHead(v, 1)].map((own, i) => {
      const whole = past ? g.op('Add', [g.op('Mul', [past[i]!, keep]), g.op('Mul', [own, place])]) : own; // a prefill overwrites it all
      const name = `present.${layer}.${i === 0 ? 'key' : 'value'}`;
      g.output(name, 'float32', dims);
      return g.rename(whole, name);
    }) as [Value, Value];
    const queries = byHead(g.op('Mul', [q, g.float(1 / Math.sqrt(headDim))]), group);
    const scores = g.op('MatMul', [queries, transpose(key, [0, 1, 3, 2])]); // [1, kvHeads, group * width, length]
    const masked = g.op('Add', [reshape(scores, [kvHeads, group, width, length]), mask]);
    const weights = reshape(g.op('Softmax', [masked], { axis: { int: -1 } }), [1, kvHeads, group * width, length]);
    const mixed = reshape(g.op('MatMul', [weights, value]), [kvHeads, group, width, headDim]);
    return reshape(transpose(mixed, [2, 0, 1, 3]), [width, heads * headDim]);
  };
}
