/** The random model as llama.cpp writes it: Q4_0, embedding and head tied. */
import type { GgufValue } from '../../workers/engine/checkpoint/gguf/parse.ts';
import { writeGguf } from '../../workers/engine/checkpoint/testing/gguf-writer.ts';
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import { BLOCK, q40, RandomBytes } from './random.ts';
import { randomMatrices, type RandomMatrix } from './shape.ts';

const ALIGNMENT = 32;
/** ggml's numbers of the types. */
const F32 = 0;
const Q4_0 = 2;

interface Part {
  name: string;
  dims: number[];
  type: number;
  bytes: number;
  chunks: (random: RandomBytes) => Iterable<Uint8Array>;
}

function matrixPart(name: string, matrix: RandomMatrix): Part {
  const bytes = ((matrix.rows * matrix.cols) / BLOCK) * (2 + BLOCK / 2);
  return { name, dims: [matrix.cols, matrix.rows], type: Q4_0, bytes, chunks: (random) => q40(matrix, random) };
}

function vectorPart(name: string, values: Float32Array): Part {
  return {
    name,
    dims: [values.length],
    type: F32,
    bytes: values.byteLength,
    chunks: () => [new Uint8Array(values.buffer, values.byteOffset, values.byteLength)],
  };
}

function parts(config: PhiConfig): Part[] {
  const { qkv, output, gate, down, table } = randomMatrices(config);
  const ones = new Float32Array(config.hidden).fill(1);
  const all = [
    matrixPart('token_embd.weight', table),
    vectorPart('output_norm.weight', ones),
    vectorPart('rope_factors_long.weight', config.ropeScaling!.long),
    vectorPart('rope_factors_short.weight', config.ropeScaling!.short),
  ];
  for (let l = 0; l < config.layers; l++) {
    all.push(
      vectorPart(`blk.${l}.attn_norm.weight`, ones),
      matrixPart(`blk.${l}.attn_qkv.weight`, qkv),
      matrixPart(`blk.${l}.attn_output.weight`, output),
      vectorPart(`blk.${l}.ffn_norm.weight`, ones),
      matrixPart(`blk.${l}.ffn_up.weight`, { ...gate, rows: 2 * gate.rows }),
      matrixPart(`blk.${l}.ffn_down.weight`, down),
    );
  }
  return all;
}

/** The file in pieces. `tokenizer`: metadata of the vocabulary. */
export function* randomGguf(config: PhiConfig, tokenizer: ReadonlyMap<string, GgufValue>): Generator<Uint8Array> {
  const metadata = new Map<string, GgufValue>([
    ...tokenizer,
    ['general.architecture', 'phi3'],
    ['general.name', config.name],
    ['phi3.context_length', config.context],
    ['phi3.embedding_length', config.hidden],
    ['phi3.feed_forward_length', config.intermediate],
    ['phi3.block_count', config.layers],
    ['phi3.attention.head_count', config.heads],
    ['phi3.attention.head_count_kv', config.kvHeads],
    ['phi3.attention.layer_norm_rms_epsilon', config.normEps],
    ['phi3.attention.sliding_window', 0],
    ['phi3.rope.dimension_count', config.rotaryDim],
    ['phi3.rope.freq_base', config.ropeTheta],
    ['phi3.rope.scaling.original_context_length', config.ropeScaling!.originalContext],
    ['phi3.rope.scaling.attn_factor', config.ropeScaling!.attentionFactor],
  ]);
  const all = parts(config);
  let offset = 0;
  const tensors = all.map(({ name, dims, type, bytes }) => {
    const tensor = { name, dims, type, data: new Uint8Array(0), offset };
    offset += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return tensor;
  });
  yield writeGguf({ metadata, tensors });
  const random = new RandomBytes('phi gguf');
  for (const { bytes, chunks } of all) {
    yield* chunks(random);
    yield new Uint8Array((ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT);
  }
}
