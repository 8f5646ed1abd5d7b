/**
 * The random model as ONNX Runtime GenAI's model builder writes it for the CPU: MatMulNBits, GroupQueryAttention with rotary inside, two sets of rotary tables
 * behind an If, embedding and head in one tensor, all weights in a .data file.
 */
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import { Graph, type Attribute, type Value } from '../../workers/engine/graph/onnx.ts';
import { ropeTable, type RopeSet } from '../../workers/engine/graph/rope.ts';
import { BLOCK, nibbles, RandomBytes, scales } from './random.ts';
import { randomMatrices, type RandomMatrix } from './shape.ts';

const DATA = 'model.onnx.data';

/** The .data file under construction: where each tensor lies, and how its bytes are made. */
class Data {
  readonly chunks: ((random: RandomBytes) => Iterable<Uint8Array>)[] = [];
  #at = 0;

  place(
    length: number,
    make: (random: RandomBytes) => Iterable<Uint8Array>,
  ): { location: string; offset: number; length: number } {
    const offset = this.#at;
    this.#at += length;
    this.chunks.push(make);
    return { location: DATA, offset, length };
  }
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** All of the model, or for timing: its layers alone (hidden states in and out) or its head alone (hidden states in). */
export type OnnxPart = 'whole' | 'layers' | 'head';

export function randomOnnx(
  config: PhiConfig,
  part: OnnxPart = 'whole',
): { model: Uint8Array; data: () => Generator<Uint8Array> } {
  const { hidden, heads, kvHeads, headDim, rotaryDim, vocab, normEps } = config;
  const g = new Graph('main_graph');
  const data = new Data();
  const matrices = randomMatrices(config);
  const whole = part === 'whole';
  const layers = part === 'head' ? 0 : config.layers;
  const ids = whole ? g.input('input_ids', 'int64', ['batch_size', 'sequence_length']) : '';
  const hiddenIn = whole ? '' : g.input('hidden', 'float32', ['batch_size', 'sequence_length', config.hidden]);
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);

  const float = (name: string, values: Float32Array, dims = [values.length]): Value =>
    g.external(
      name,
      'float32',
      dims,
      data.place(values.byteLength, () => [bytesOf(values)]),
    );
  const weights = (name: string, matrix: RandomMatrix): [Value, Value] => {
    const blocks = matrix.cols / BLOCK;
    return [
      g.external(
        `${name}_Q4`,
        'uint8',
        [matrix.rows, blocks, BLOCK / 2],
        data.place((matrix.rows * matrix.cols) / 2, (random) => nibbles(matrix, random)),
      ),
      g.external(
        `${name}_scales`,
        'float32',
        [matrix.rows, blocks],
        data.place(matrix.rows * blocks * 4, (random) => scales(matrix, random)),
      ),
    ];
  };
  const multiply = (x: Value, { rows, cols }: RandomMatrix, held: [Value, Value]): Value => {
    const attributes: Record<string, Attribute> = {
      K: { int: cols },
      N: { int: rows },
      bits: { int: 4 },
      block_size: { int: BLOCK },
      accuracy_level: { int: 4 },
    };
    return g.op('com.microsoft::MatMulNBits', [x, ...held], attributes);
  };
  const matmul = (x: Value, name: string, matrix: RandomMatrix): Value =>
    multiply(x, matrix, weights(`${name}.MatMul.weight`, matrix));

  const total = g.op('Gather', [g.op('Shape', [mask]), g.int64(1)]);
  const table = (set: RopeSet): Graph => {
    const branch = g.subgraph(set);
    const rows = set === 'short' ? config.ropeScaling!.originalContext : config.context;
    const { cos, sin } = ropeTable(config, set, 0, rows);
    for (const [kind, values] of [['cos', cos] as const, ['sin', sin] as const]) {
      const value = float(`${kind}_cache_${set}`, values, [rows, rotaryDim / 2]);
      branch.output(branch.rename(value, branch.fresh(kind)), 'float32', [rows, rotaryDim / 2]);
    }
    return branch;
  };
  const long = g.op('Greater', [total, g.int64(config.ropeScaling!.originalContext)]);
  const [cos, sin] = g.ops('If', [long], ['cos_cache', 'sin_cache'], {
    then_branch: { graph: table('long') },
    else_branch: { graph: table('short') },
  });
  const seqlens = g.op('Cast', [g.op('Sub', [g.op('ReduceSum', [mask, g.int64([1])]), g.int64([1])])], {
    to: { int: 6 },
  });
  const totalInt = g.op('Cast', [total], { to: { int: 6 } });

  const head = part === 'layers' ? null : weights('lm_head.MatMul.weight', matrices.table);
  const embed = ([codes, blockScales]: [Value, Value]): Value =>
    g.op(
      'com.microsoft::GatherBlockQuantized',
      [g.op('Reshape', [codes, g.int64([vocab, hidden / 2])]), ids, blockScales],
      {
        bits: { int: 4 },
        block_size: { int: BLOCK },
        gather_axis: { int: 0 },
        quantize_axis: { int: 1 },
      },
    );
  const epsilon: Attribute = { float: normEps };
  const ones = new Float32Array(hidden).fill(1);
  let residual = whole ? embed(head!) : hiddenIn;
  let branch: Value | null = null;
  const norm = (name: string): Value => {
    const scale = float(name, ones);
    if (branch === null)
      return g.op('SimplifiedLayerNormalization', [residual, scale], {
        epsilon,
        axis: { int: -1 },
        stash_type: { int: 1 },
      });
    const sum = g.fresh('residual');
    const [out] = g.ops(
      'com.microsoft::SkipSimplifiedLayerNormalization',
      [residual, branch, scale],
      [g.fresh('norm'), '', '', sum],
      { epsilon },
    );
    residual = sum;
    return out!;
  };
  for (let l = 0; l < layers; l++) {
    const at = `model.layers.${l}`;
    const past = (['key', 'value'] as const).map((kind) =>
      g.input(`past_key_values.${l}.${kind}`, 'float32', ['batch_size', kvHeads, 'past', headDim]),
    );
    const qkv = matmul(norm(`${at}.input_layernorm.weight`), `${at}.attn.qkv_proj`, matrices.qkv);
    const [attention] = g.ops(
      'com.microsoft::GroupQueryAttention',
      [qkv, '', '', past[0]!, past[1]!, seqlens, totalInt, cos!, sin!],
      [g.fresh('attention'), `present.${l}.key`, `present.${l}.value`],
      {
        num_heads: { int: heads },
        kv_num_heads: { int: kvHeads },
        scale: { float: 1 / Math.sqrt(headDim) },
        local_window_size: { int: -1 },
        softcap: { float: 0 },
        do_rotary: { int: 1 },
        rotary_interleaved: { int: 0 },
      },
    );
    branch = matmul(attention!, `${at}.attn.o_proj`, matrices.output);
    const normed = norm(`${at}.post_attention_layernorm.weight`);
    const gate = matmul(normed, `${at}.mlp.gate_proj`, matrices.gate);
    const up = matmul(normed, `${at}.mlp.up_proj`, matrices.up);
    branch = matmul(
      g.op('Mul', [g.op('Mul', [gate, g.op('Sigmoid', [gate])]), up]),
      `${at}.mlp.down_proj`,
      matrices.down,
    );
    for (const kind of ['key', 'value'])
      g.output(`present.${l}.${kind}`, 'float32', ['batch_size', kvHeads, 'total_sequence_length', headDim]);
  }
  const last = norm(`model.layers.${layers}.final_norm_layernorm.weight`);
  if (head) {
    g.call(multiply(last, matrices.table, head), 'logits');
    g.output('logits', 'float32', ['batch_size', 'sequence_length', vocab]);
  } else {
    g.call(last, 'normed');
    g.output('normed', 'float32', ['batch_size', 'sequence_length', hidden]);
  }
  return {
    model: g.toModel(),
    *data() {
      const random = new RandomBytes('phi onnx');
      for (const make of data.chunks) yield* make(random);
    },
  };
}
