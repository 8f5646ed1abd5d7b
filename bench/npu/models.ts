/** Models that the lab looks at: the starter, a tiny Phi of each kind, and a layer of each large shape with random weights. */
import { prepareStarter } from '../starter.ts';
import { tinyPhi, type TinySize } from '../../workers/engine/choose/tiny-phi.ts';
import type { Checkpoint } from '../../workers/engine/checkpoint/types.ts';
import { TEXT } from '../../workers/compare/text.ts';
import { createTokenizer } from '../../workers/engine/tokenizer/tokenizer.ts';
import { phi4MiniShape } from '../full-size/shape.ts';
import type { WeightFormat } from '../../workers/shared/protocol.ts';

/** Heads, groups and rotation as each kind of Phi has them, in small. Windows and long contexts are a matter of masks and tables, not of the graph. */
const TINY = { layers: 3, hidden: 256, intermediate: 512, vocab: 512 } as const;
const KINDS: Readonly<Record<string, TinySize>> = {
  'tiny-phi3-mini-4k': { ...TINY, heads: 4, kvHeads: 4, headDim: 64, rotaryDim: 64 },
  'tiny-phi3.5-mini': { ...TINY, heads: 8, kvHeads: 8, headDim: 32, rotaryDim: 32 },
  'tiny-phi4-mini': { ...TINY, heads: 4, kvHeads: 2, headDim: 64, rotaryDim: 48 },
  'tiny-phi4': { ...TINY, heads: 8, kvHeads: 2, headDim: 32, rotaryDim: 32 },
};
/** The repeating part of a model (one layer and the next one's qkv), with random weights: whole models are too large for a quick look. */
export const PHI4_MINI_PIECE = 'phi4-mini-piece';
const { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, rotaryDim } = phi4MiniShape(32);
const WHOLE: Readonly<Record<string, TinySize>> = {
  [PHI4_MINI_PIECE]: { layers, hidden, heads, kvHeads, headDim, intermediate, vocab, rotaryDim },
  // Phi-3-mini and Phi-3.5-mini
  'phi3-mini-piece': {
    layers: 32,
    hidden: 3072,
    heads: 32,
    kvHeads: 32,
    headDim: 96,
    intermediate: 8192,
    vocab: 32_064,
    rotaryDim: 96,
  },
  'phi4-piece': {
    layers: 40,
    hidden: 5120,
    heads: 40,
    kvHeads: 10,
    headDim: 128,
    intermediate: 17_920,
    vocab: 100_352,
    rotaryDim: 128,
  },
};

export const MODELS: readonly string[] = ['starter', ...Object.keys(KINDS), ...Object.keys(WHOLE)];

export interface LabModel {
  name: string;
  checkpoint: Checkpoint;
  /** The graph has a head. */
  head: boolean;
  /** Tokens of a prompt that a vendor's simulator computes: a real text where the model has a vocabulary. */
  ids: readonly number[];
  /** How many such graphs are the whole model, by its weights: Phi-4-mini is 33 of its pieces. */
  pieces: number;
}

/** Opens or makes a model: for 4 bits by column one that has them. Rejects with the known names for one that is not known. */
export async function labModel(name: string, form: WeightFormat): Promise<LabModel> {
  if (name === 'starter') {
    const { checkpoint } = await prepareStarter(null);
    const ids = createTokenizer(checkpoint.tokenizer).encode(TEXT);
    return { name, checkpoint, ids, head: true, pieces: 1 };
  }
  const scales = form === 'int4-columns' ? 'rows' : 'blocks';
  const whole = WHOLE[name];
  if (whole) {
    const checkpoint = tinyPhi({ ...whole, layers: 2, vocab: 256 }, 1, scales);
    return { name, checkpoint, ids: ids(256), head: false, pieces: weights(whole, form) / pieceWeights(whole) };
  }
  const size = KINDS[name];
  if (!size) throw new Error(`The model "${name}" is unknown. Choose from ${MODELS.join(', ')}.`);
  return { name, checkpoint: tinyPhi(size, 1, scales), ids: ids(size.vocab), head: true, pieces: 1 };
}

/** Measures of the whole model that a row's estimate is for. */
export async function wholeShape(name: string): Promise<TinySize> {
  return WHOLE[name] ?? (await labModel(name, 'int8')).checkpoint.config;
}

/** Any tokens: random weights have no favourites. */
const ids = (vocab: number) => Array.from({ length: 128 }, (_, i) => (i * 37 + 11) % vocab);

const qkv = ({ hidden, heads, kvHeads, headDim }: TinySize) => hidden * (heads + 2 * kvHeads) * headDim;
const layer = (size: TinySize) =>
  qkv(size) + size.hidden * size.heads * size.headDim + 3 * size.hidden * size.intermediate;
/** The head stays in 8 bits where the layers have 4, so its weights count twice. */
const weights = (size: TinySize, form: WeightFormat) =>
  size.layers * layer(size) + (form === 'int4-columns' || form === 'int4-groups' ? 2 : 1) * size.vocab * size.hidden;
const pieceWeights = (size: TinySize) => layer(size) + qkv(size);
