/** Checkpoints without weights, to lay out the real plans of a model of any size. */
import type { Checkpoint, PhiConfig } from '../../../engine/checkpoint/types.ts';
import type { Matrix } from '../../../engine/weights/matrix.ts';
import type { ModelShape, SourceMix } from '../weights.ts';

export const STARTER: ModelShape = {
  layers: 30,
  hidden: 576,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  intermediate: 1536,
  vocab: 49_152,
  context: 8192,
};
export const PHI_4_MINI: ModelShape = {
  layers: 32,
  hidden: 3072,
  heads: 24,
  kvHeads: 8,
  headDim: 128,
  intermediate: 8192,
  vocab: 200_064,
  context: 131_072,
};
export const PHI_3_MINI: ModelShape = {
  layers: 32,
  hidden: 3072,
  heads: 32,
  kvHeads: 32,
  headDim: 96,
  intermediate: 8192,
  vocab: 32_064,
  context: 4096,
};
export const PHI_4: ModelShape = {
  layers: 40,
  hidden: 5120,
  heads: 40,
  kvHeads: 10,
  headDim: 128,
  intermediate: 17_920,
  vocab: 100_352,
  context: 16_384,
};

export const PHI_TINY_MOE: ModelShape = {
  layers: 32,
  hidden: 4096,
  heads: 16,
  kvHeads: 4,
  headDim: 128,
  intermediate: 448,
  experts: { count: 16 },
  vocab: 32_064,
  context: 4096,
};

/** llama.cpp's Q4_K_M of a tied model. */
export const Q4_K_M: SourceMix = {
  qkv: 8,
  output: 4,
  gateUp: 4,
  down8: 1 / 2,
  head: 8,
  embedding: 'tied',
  block: 32,
  shift: 'mins',
};
/** ONNX Runtime GenAI's int4. */
export const INT4: SourceMix = {
  qkv: 4,
  output: 4,
  gateUp: 4,
  down8: 0,
  head: 4,
  embedding: 'float',
  block: 32,
  shift: 'zero-points',
};
export const Q8_0: SourceMix = {
  qkv: 8,
  output: 8,
  gateUp: 8,
  down8: 1,
  head: 8,
  embedding: 8,
  block: 32,
  shift: 'none',
};

export function emptyCheckpoint(shape: ModelShape, mix: SourceMix): Checkpoint {
  const { layers, hidden, heads, kvHeads, headDim, intermediate, experts, vocab } = shape;
  const matrix = (rows: number, cols: number, bits: 4 | 8 | 'float'): Matrix => ({
    name: 'empty',
    rows,
    cols,
    type: 'none',
    form:
      bits === 'float'
        ? { kind: 'float', bits: 16 }
        : {
            kind: 'blocks',
            bits,
            block: mix.block,
            symmetric: mix.shift === 'none',
            integral: mix.shift === 'zero-points',
          },
    read: () => Promise.reject(new Error('an empty checkpoint was read')),
  });
  const config: PhiConfig = {
    ...shape,
    experts: experts && { ...experts, jitter: 0.01 },
    name: 'empty',
    normEps: 1e-5,
    ropeTheta: 1e4,
    rotaryDim: headDim,
    ropeScaling: null,
    slidingWindow: null,
    bos: null,
    eos: [],
  };
  const norm = new Float32Array(hidden);
  const qkvRows = (heads + 2 * kvHeads) * headDim;
  const each = Array.from({ length: experts?.count ?? 0 }, () => ({
    gateUp: matrix(2 * intermediate, hidden, mix.gateUp),
    down: matrix(hidden, intermediate, mix.down8 === 1 ? 8 : 4),
  }));
  const mixture = experts && {
    router: new Float32Array(experts.count * hidden),
    each,
    bias: { attentionNorm: norm, qkv: new Float32Array(qkvRows), output: norm, mlpNorm: norm },
  };
  const width = intermediate * (experts?.count ?? 1);
  const head = matrix(vocab, hidden, mix.head);
  return {
    format: 'gguf',
    config,
    tokenizer: { kind: 'gguf', metadata: new Map() },
    chatTemplate: null,
    embedding: mix.embedding === 'tied' ? head : matrix(vocab, hidden, mix.embedding),
    layers: Array.from({ length: layers }, (_, l) => ({
      attentionNorm: norm,
      qkv: matrix(qkvRows, hidden, mix.qkv),
      output: matrix(hidden, heads * headDim, mix.output),
      mlpNorm: norm,
      gateUp: matrix(2 * width, hidden, mix.gateUp),
      down: matrix(hidden, width, l < layers * mix.down8 ? 8 : 4),
      ...(mixture && { experts: mixture }),
    })),
    norm,
    head,
    ...(mixture && { bias: { norm, head: new Float32Array(vocab) } }),
    notes: [],
  };
}
