/** Models that the lab looks at: the starter, a tiny Phi of each kind, and a layer of Phi-4-mini's shape with random weights. */
import { prepareStarter } from '../starter.ts';
import { tinyPhi, type TinySize } from '../../workers/engine/choose/tiny-phi.ts';
import type { Checkpoint, PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import { SELF_TEST_TEXT } from '../../workers/engine/choose/self-test.ts';
import { createTokenizer } from '../../workers/engine/tokenizer/tokenizer.ts';
import { phi4MiniShape } from '../full-size/shape.ts';

/** Heads, groups and rotation as each kind of Phi has them, in small. Windows and long contexts are a matter of masks and tables, not of the graph. */
const TINY = { layers: 3, hidden: 256, intermediate: 512, vocab: 512 } as const;
const KINDS: Readonly<Record<string, TinySize>> = {
  'tiny-phi3-mini-4k': { ...TINY, heads: 4, kvHeads: 4, headDim: 64, rotaryDim: 64 },
  'tiny-phi3.5-mini': { ...TINY, heads: 8, kvHeads: 8, headDim: 32, rotaryDim: 32 },
  'tiny-phi4-mini': { ...TINY, heads: 4, kvHeads: 2, headDim: 64, rotaryDim: 48 },
  'tiny-phi4': { ...TINY, heads: 8, kvHeads: 2, headDim: 32, rotaryDim: 32 },
};
/** One layer and the next one's qkv: what repeats in the model, without its head. */
export const PHI4_MINI_PIECE = 'phi4-mini-piece';

export const MODELS: readonly string[] = ['starter', ...Object.keys(KINDS), PHI4_MINI_PIECE];

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

/** Opens or makes a model. Rejects with the known names for one that is not known. */
export async function labModel(name: string): Promise<LabModel> {
  if (name === 'starter') {
    const { checkpoint } = await prepareStarter(null);
    const ids = createTokenizer(checkpoint.tokenizer).encode(SELF_TEST_TEXT);
    return { name, checkpoint, ids, head: true, pieces: 1 };
  }
  if (name === PHI4_MINI_PIECE) {
    const whole = phi4MiniShape(32);
    const checkpoint = tinyPhi({ ...phi4MiniShape(2), vocab: 256 }, 1);
    return { name, checkpoint, ids: ids(256), head: false, pieces: weights(whole) / pieceWeights(whole) };
  }
  const size = KINDS[name];
  if (!size) throw new Error(`No model "${name}": the lab knows ${MODELS.join(', ')}.`);
  return { name, checkpoint: tinyPhi(size, 1), ids: ids(size.vocab), head: true, pieces: 1 };
}

/** Any tokens: random weights have no favourites. */
const ids = (vocab: number) => Array.from({ length: 128 }, (_, i) => (i * 37 + 11) % vocab);

const qkv = ({ hidden, heads, kvHeads, headDim }: PhiConfig) => hidden * (heads + 2 * kvHeads) * headDim;
const layer = (config: PhiConfig) =>
  qkv(config) + config.hidden * config.heads * config.headDim + 3 * config.hidden * config.intermediate;
const weights = (config: PhiConfig) => config.layers * layer(config) + config.vocab * config.hidden;
const pieceWeights = (config: PhiConfig) => layer(config) + qkv(config);
