/** A random model as llama.cpp writes it: Q4_0. Without experts, embedding and head are tied. */
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

/** The matrices of all experts, one behind the other. */
function stackPart(name: string, matrix: RandomMatrix, count: number): Part {
  const part = matrixPart(name, { ...matrix, rows: count * matrix.rows });
  return { ...part, dims: [matrix.cols, matrix.rows, count] };
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
  const { hidden, experts, ropeScaling } = config;
  const ones = new Float32Array(hidden).fill(1);
  const all = [matrixPart('token_embd.weight', table), vectorPart('output_norm.weight', ones)];
  if (experts) all.push(matrixPart('output.weight', table));
  if (ropeScaling) {
    all.push(vectorPart('rope_factors_long.weight', ropeScaling.long));
    all.push(vectorPart('rope_factors_short.weight', ropeScaling.short));
  }
  for (let l = 0; l < config.layers; l++) {
    all.push(
      vectorPart(`blk.${l}.attn_norm.weight`, ones),
      matrixPart(`blk.${l}.attn_qkv.weight`, qkv),
      matrixPart(`blk.${l}.attn_output.weight`, output),
      vectorPart(`blk.${l}.ffn_norm.weight`, ones),
    );
    if (experts) {
      all.push(
        matrixPart(`blk.${l}.ffn_gate_inp.weight`, { rows: experts.count, cols: hidden, deviation: 1 }),
        stackPart(`blk.${l}.ffn_gate_exps.weight`, gate, experts.count),
        stackPart(`blk.${l}.ffn_up_exps.weight`, gate, experts.count),
        stackPart(`blk.${l}.ffn_down_exps.weight`, down, experts.count),
      );
    } else {
      all.push(
        matrixPart(`blk.${l}.ffn_up.weight`, { ...gate, rows: 2 * gate.rows }),
        matrixPart(`blk.${l}.ffn_down.weight`, down),
      );
    }
  }
  return all;
}

function metadataOf(config: PhiConfig): Map<string, GgufValue> {
  const { experts, ropeScaling } = config;
  const architecture = experts ? 'phimoe' : 'phi3';
  const keys: [string, GgufValue][] = [
    ['context_length', config.context],
    ['embedding_length', config.hidden],
    ['feed_forward_length', config.intermediate],
    ['block_count', config.layers],
    ['attention.head_count', config.heads],
    ['attention.head_count_kv', config.kvHeads],
    ['attention.layer_norm_rms_epsilon', config.normEps],
    ['attention.sliding_window', config.slidingWindow ?? 0],
    ['rope.dimension_count', config.rotaryDim],
    ['rope.freq_base', config.ropeTheta],
  ];
  if (ropeScaling) {
    keys.push(['rope.scaling.original_context_length', ropeScaling.originalContext]);
    keys.push(['rope.scaling.attn_factor', ropeScaling.attentionFactor]);
  }
  if (experts) {
    keys.push(['attention.key_length', config.headDim], ['attention.value_length', config.headDim]);
    keys.push(['expert_count', experts.count], ['expert_used_count', 2]);
  }
  return new Map<string, GgufValue>([
    ['general.architecture', architecture],
    ['general.name', config.name],
    ...keys.map(([key, value]): [string, GgufValue] => [`${architecture}.${key}`, value]),
  ]);
}

/** The file in pieces. `tokenizer`: metadata of the vocabulary. */
export function* randomGguf(config: PhiConfig, tokenizer: ReadonlyMap<string, GgufValue>): Generator<Uint8Array> {
  const metadata = new Map<string, GgufValue>([...tokenizer, ...metadataOf(config)]);
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
