/** Models with the measures of a published Phi and random weights. */
import { longRopeFactor } from '../../workers/engine/checkpoint/hf-config.ts';
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';

const ROTARY = 96;
const ORIGINAL_CONTEXT = 4096;
const CONTEXT = 131_072;

/** `layers`: 32 for the whole model, fewer for a quick try. */
export function phi4MiniShape(layers: number): PhiConfig {
  const factors = (step: number) => Float32Array.from({ length: ROTARY / 2 }, (_, i) => 1 + i * step);
  return {
    name: `Random Phi-4-mini (${layers} layers)`,
    layers,
    hidden: 3072,
    heads: 24,
    kvHeads: 8,
    headDim: 128,
    intermediate: 8192,
    vocab: 200_064,
    normEps: 1e-5,
    ropeTheta: 10_000,
    rotaryDim: ROTARY,
    ropeScaling: {
      short: factors(0),
      long: factors(0.5),
      attentionFactor: longRopeFactor(CONTEXT / ORIGINAL_CONTEXT, ORIGINAL_CONTEXT),
      originalContext: ORIGINAL_CONTEXT,
    },
    context: CONTEXT,
    slidingWindow: null,
    bos: 199_999,
    eos: [199_999, 200_020],
  };
}

/** Phi-tiny-MoE (microsoft/Phi-tiny-MoE-instruct, config.json): 3.8 billion weights, of which a token takes 1.1. `layers`: 32 is the whole. */
export function phiTinyMoeShape(layers: number): PhiConfig {
  return {
    name: `Random Phi-tiny-MoE (${layers} layers)`,
    layers,
    hidden: 4096,
    heads: 16,
    kvHeads: 4,
    headDim: 128,
    intermediate: 448,
    experts: { count: 16, jitter: 0.01 },
    vocab: 32_064,
    normEps: 1e-5,
    ropeTheta: 10_000,
    rotaryDim: 128,
    ropeScaling: null,
    context: 4096,
    slidingWindow: 2047,
    bos: 1,
    eos: [2],
  };
}

/** Weights of a matrix are `deviation / sqrt(cols)` in size: an input of 1 gives an output of `deviation`. */
export interface RandomMatrix {
  rows: number;
  cols: number;
  deviation: number;
}

/** Scales that keep activations finite and logits a few units apart through 32 random layers. */
export function randomMatrices({ hidden, heads, kvHeads, headDim, intermediate, vocab }: PhiConfig) {
  const matrix = (rows: number, cols: number, deviation: number): RandomMatrix => ({ rows, cols, deviation });
  return {
    qkv: matrix((heads + 2 * kvHeads) * headDim, hidden, 1),
    output: matrix(hidden, heads * headDim, 0.5),
    gate: matrix(intermediate, hidden, 1),
    up: matrix(intermediate, hidden, 1),
    down: matrix(hidden, intermediate, 0.5),
    /** Embedding and head. */
    table: matrix(vocab, hidden, 2.5),
  };
}
