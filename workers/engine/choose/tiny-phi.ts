/**
 * A Phi of our own, made from a seed: small enough to try a backend with before a model is trusted to it, or (larger) to time one.
 * Nothing is downloaded, and the same seed gives the same weights everywhere.
 */
import type { Checkpoint, Layer, PhiConfig } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import { uniforms } from '../generate/random.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import type { BlockRows } from '../weights/rows.ts';

/** Weights that share a scale. */
const BLOCK = 32;
/** Codes 1 to 15 of 4 bits stand for -7 to 7: their standard deviation. */
const CODE_DEVIATION = Math.sqrt((15 ** 2 - 1) / 12);

export type TinySize = Pick<
  PhiConfig,
  'layers' | 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'intermediate' | 'vocab' | 'rotaryDim'
>;

/** 1.5 million weights, 0.8 MB in 4 bits: grouped attention and partial rotation as in Phi-4-mini. */
export const TINY_SIZE: TinySize = {
  layers: 2,
  hidden: 256,
  heads: 4,
  kvHeads: 2,
  headDim: 64,
  intermediate: 512,
  vocab: 256,
  rotaryDim: 48,
};

/**
 * The seed, out of many, with the surest tokens: at each of the recorded steps the best logit leads by 0.29 standard
 * deviations of all logits at the least, and int8 for each channel moves them by 0.02. Found by
 * scripts/make/tiny-phi-seed.ts.
 */
const TINY_SEED = 339;
/** Long enough to fill more than one of a backend's narrow runs. */
export const TINY_PROMPT: readonly number[] = Array.from({ length: 20 }, (_, i) => (i * 37 + 11) % TINY_SIZE.vocab);
/** The greedy tokens of float32 after the prompt. */
export const TINY_TOKENS: readonly number[] = [216, 114, 166, 5, 156, 180, 104, 12];

/** The same with one scale for each row, for 4 bits by column: its best logit leads by 0.22 deviations. */
const BY_ROW = { seed: 16, tokens: [182, 2, 247, 53, 92, 153, 155, 213] };

/** The tiny Phi that a form holds exactly, and what it says after the prompt. */
export function tinyFor(form: WeightFormat): { checkpoint: Checkpoint; tokens: readonly number[] } {
  if (form !== 'int4-columns') return { checkpoint: tinyPhi(), tokens: TINY_TOKENS };
  return { checkpoint: tinyPhi(TINY_SIZE, BY_ROW.seed, 'rows'), tokens: BY_ROW.tokens };
}

/**
 * Symmetric blocks of 4 bits: int4, 8-bit blocks and floats hold them exactly.
 *
 * @param scales 'rows': one scale for each row, which 4 bits by column hold exactly too
 */
export function tinyPhi(
  size: TinySize = TINY_SIZE,
  seed = TINY_SEED,
  scales: 'blocks' | 'rows' = 'blocks',
): Checkpoint {
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab } = size;
  const random = uniforms(seed);
  /** Rows of about unit gain: what goes in comes out as large. */
  const matrix = (name: string, rows: number, cols: number, gain = 1): Matrix => {
    const codes = Uint8Array.from({ length: rows * cols }, () => 1 + Math.floor(random() * 15));
    const scale = gain / (Math.sqrt(cols) * CODE_DEVIATION);
    const block = scales === 'rows' ? cols : BLOCK;
    const each = Float32Array.from({ length: (rows * cols) / block }, () => scale * (0.6 + 0.8 * random()));
    return blockMatrix({ kind: 'blocks', rows, cols, bits: 4, block, codes, scales: each, mins: null }, name);
  };
  const norm = (width: number) => Float32Array.from({ length: width }, () => 0.8 + 0.4 * random());
  const embedding = matrix('embedding', vocab, hidden, Math.sqrt(hidden));
  const layer = (l: number): Layer => ({
    attentionNorm: norm(hidden),
    qkv: matrix(`${l}.qkv`, (heads + 2 * kvHeads) * headDim, hidden, 1.5),
    output: matrix(`${l}.output`, hidden, heads * headDim, 2),
    mlpNorm: norm(hidden),
    gateUp: matrix(`${l}.gateUp`, 2 * intermediate, hidden, 1.5),
    down: matrix(`${l}.down`, hidden, intermediate, 2),
  });
  return {
    format: 'safetensors',
    config: {
      ...size,
      name: 'Tiny Phi',
      normEps: 1e-5,
      ropeTheta: 10_000,
      ropeScaling: null,
      context: 4096,
      slidingWindow: null,
      bos: null,
      eos: [],
    },
    tokenizer: { kind: 'gguf', metadata: new Map() },
    chatTemplate: null,
    embedding,
    layers: Array.from({ length: layers }, (_, l) => layer(l)),
    norm: norm(hidden),
    head: matrix('head', vocab, hidden, 3),
    notes: [],
  };
}

function blockMatrix(all: BlockRows, name: string): Matrix {
  const { rows, cols, block, codes, scales } = all;
  const perRow = cols / block;
  return {
    name,
    rows,
    cols,
    type: `int4 block ${block}`,
    form: { kind: 'blocks', bits: 4, block, symmetric: true },
    read: (start, count) =>
      Promise.resolve({
        ...all,
        rows: count,
        codes: codes.slice(start * cols, (start + count) * cols),
        scales: scales.slice(start * perRow, (start + count) * perRow),
      }),
  };
}
