/**
 * The decoder as ONNX Runtime GenAI's model builder and transformers.js' hub publish it: `MatMulNBits` with packed q, k, v,
 * `GroupQueryAttention` with rotary inside, cache in and out at every run. One file, weights inside.
 */
import type { Checkpoint } from '../../workers/engine/checkpoint/types.ts';
import type { Matrix } from '../../workers/engine/weights/matrix.ts';
import { Graph, type Attribute, type Value } from '../../workers/engine/graph/onnx.ts';
import { ropeTable } from '../../workers/engine/graph/rope.ts';
import { floatToHalf } from '../../workers/engine/weights/half.ts';
import { dequantise } from '../../workers/engine/weights/rows.ts';
import { packBlocks } from './pack.ts';

/** TensorProto.DataType of float32. */
const FLOAT = 1;

export interface Int4Options {
  zeroPoints: 'float' | 'uint';
  /** Accuracy level of MatMulNBits: 4 allows int8 activations, 1 demands float32 (the WASM kernel knows only that). */
  accuracyLevel: 1 | 4;
  /** Type of the activations, of the scales and of the cache; logits are float32. */
  float: 'float32' | 'float16';
  /** Rows of the rotary table. */
  positions: number;
}

/** The ModelProto. Throws where a matrix is not in blocks. */
export async function writeInt4Graph(checkpoint: Checkpoint, options: Int4Options): Promise<Uint8Array> {
  const { config } = checkpoint;
  const { hidden, heads, kvHeads, headDim, intermediate, vocab, normEps } = config;
  if (config.ropeScaling || config.rotaryDim !== headDim)
    throw new Error(
      'The int4 graph of the bench supports only models with plain, full rotary embedding, such as the starter.',
    );
  const g = new Graph('decoder');

  const ids = g.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
  // As in graphs exported for transformers.js since 2025: of a prompt only the last position goes through the head.
  const keep = g.input('num_logits_to_keep', 'int64', []);

  const float = (name: string, dims: number[], values: Float32Array): Value =>
    g.tensor(name, options.float, dims, options.float === 'float16' ? floatToHalf(values) : values);
  const matmul = async (x: Value, matrix: Matrix, name: string): Promise<Value> => {
    const rows = await matrix.read(0, matrix.rows);
    if (rows.kind === 'float')
      throw new Error(`${matrix.name} is ${matrix.type}, but the bench's int4 graph needs block formats.`);
    const packed = packBlocks(rows, options.zeroPoints);
    const blocks = matrix.cols / packed.block;
    const inputs = [
      x,
      g.tensor(`${name}.weight`, 'uint8', [matrix.rows, blocks, (packed.block * packed.bits) / 8], packed.codes),
      float(`${name}.scales`, [matrix.rows * blocks], packed.scales),
    ];
    if (packed.zeroPoints instanceof Float32Array)
      inputs.push(float(`${name}.zero_points`, [matrix.rows * blocks], packed.zeroPoints));
    else if (packed.zeroPoints)
      inputs.push(g.tensor(`${name}.zero_points`, 'uint8', [packed.zeroPoints.length], packed.zeroPoints));
    const attributes: Record<string, Attribute> = {
      K: { int: matrix.cols },
      N: { int: matrix.rows },
      bits: { int: packed.bits },
      block_size: { int: packed.block },
      accuracy_level: { int: options.accuracyLevel },
    };
    return g.op('com.microsoft::MatMulNBits', inputs, attributes);
  };

  const epsilon: Attribute = { float: normEps };
  const total = g.op('Gather', [g.op('Shape', [mask]), g.int64(1)]);
  const totalInt = g.op('Cast', [total], { to: { int: 6 } });
  const seqlens = g.op(
    'Cast',
    [g.op('Sub', [g.op('ReduceSum', [mask, g.int64([1])], { keepdims: { int: 0 } }), g.int64([1])])],
    { to: { int: 6 } },
  );
  const rope = ropeTable(config, 'short', 0, options.positions);
  const cos = float('cos_cache', [options.positions, headDim / 2], rope.cos);
  const sin = float('sin_cache', [options.positions, headDim / 2], rope.sin);

  const table = float('embed_tokens', [vocab, hidden], dequantise(await checkpoint.embedding.read(0, vocab)));
  let residual = g.op('Gather', [table, ids], { axis: { int: 0 } });
  let branch: Value | null = null;
  const norm = (name: string, weight: Float32Array): Value => {
    const scale = float(name, [hidden], weight);
    if (branch === null)
      return g.op('SimplifiedLayerNormalization', [residual, scale], {
        epsilon,
        axis: { int: -1 },
        stash_type: { int: 1 },
      });
    const sum = g.fresh('residual');
    const out = g.ops(
      'com.microsoft::SkipSimplifiedLayerNormalization',
      [residual, branch, scale],
      [g.fresh('norm'), '', '', sum],
      { epsilon },
    )[0]!;
    residual = sum;
    return out;
  };

  for (const [i, layer] of checkpoint.layers.entries()) {
    const at = `layers.${i}`;
    const past = (['key', 'value'] as const).map((kind) =>
      g.input(`past_key_values.${i}.${kind}`, options.float, ['batch_size', kvHeads, 'past_sequence_length', headDim]),
    );
    const qkv = await matmul(norm(`${at}.input_norm`, layer.attentionNorm), layer.qkv, `${at}.qkv`);
    const [attention] = g.ops(
      'com.microsoft::GroupQueryAttention',
      [qkv, '', '', past[0]!, past[1]!, seqlens, totalInt, cos, sin],
      [g.fresh('attention'), `present.${i}.key`, `present.${i}.value`],
      {
        num_heads: { int: heads },
        kv_num_heads: { int: kvHeads },
        scale: { float: 1 / Math.sqrt(headDim) },
        local_window_size: { int: config.slidingWindow ?? -1 },
        do_rotary: { int: 1 },
        rotary_interleaved: { int: 0 },
      },
    );
    branch = await matmul(attention!, layer.output, `${at}.o`);
    const normed = norm(`${at}.post_norm`, layer.mlpNorm);
    const both = await matmul(normed, layer.gateUp, `${at}.gate_up`);
    const [gate, up] = g.ops('Split', [both, g.int64([intermediate, intermediate])], 2, { axis: { int: -1 } }) as [
      Value,
      Value,
    ];
    branch = await matmul(g.op('Mul', [g.op('Mul', [gate, g.op('Sigmoid', [gate])]), up]), layer.down, `${at}.down`);
    for (const kind of ['key', 'value'])
      g.output(`present.${i}.${kind}`, options.float, ['batch_size', kvHeads, 'total_sequence_length', headDim]);
  }

  const last = norm('final_norm', checkpoint.norm);
  // `num_logits_to_keep` 0 means all: Slice from -0 takes everything.
  const from = g.op('Reshape', [g.op('Neg', [keep]), g.int64([1])]);
  const kept = g.op('Slice', [last, from, g.int64([Number.MAX_SAFE_INTEGER]), g.int64([1])]);
  g.rename(g.op('Cast', [await matmul(kept, checkpoint.head, 'lm_head')], { to: { int: FLOAT } }), 'logits');
  g.output('logits', 'float32', ['batch_size', 'kept_length', vocab]);
  return g.toModel();
}
