import type { DeviceFacts } from './device.ts';
import { assess, isSlow, type Assessment, type Candidate } from './fit.ts';

export type Use = 'chat' | 'code';

/** A candidate with the facts by which those that fit are ranked. */
export interface Choosable extends Candidate {
  /** The use that the quantisation suits. */
  suits: readonly Use[];
  /** Order of the model: lower is chosen first. */
  rank: number;
  /** Order of the quantisation: lower is chosen first among those that suit the use. */
  order: number;
  /** Every byte of the weights is held to a hash that was published beforehand. */
  hashed: boolean;
}

/**
 * 4 bits keep a chat's tone; code breaks at one wrong token and wants 6 or 8. Models below 4 bits and
 * unquantised ones are only for people who choose them.
 */
export function suitsOf(bits: number): Use[] {
  if (bits >= 6 && bits <= 8) return ['code'];
  return bits >= 4 && bits <= 5 ? ['chat'] : [];
}

const VERDICTS = ['fits', 'unsure', 'no'] as const;

/**
 * Every candidate judged, the best for `use` first: what fits, then what is not slow, then what has the context, then what suits the use, then the better model, then the better quantisation,
 * then what is proved by a published hash, then what needs less memory.
 */
export function rankAll<C extends Choosable>(
  candidates: readonly C[],
  device: DeviceFacts,
  use: Use,
  slots: number,
): (Assessment & { candidate: C })[] {
  const keys = ({ candidate, verdict, fits }: Assessment & { candidate: C }) => [
    VERDICTS.indexOf(verdict),
    isSlow({ fits }) ? 1 : 0,
    candidate.shape.context < slots ? 1 : 0,
    candidate.suits.includes(use) ? 0 : 1,
    candidate.rank,
    candidate.order,
    candidate.hashed ? 0 : 1,
    fits[0].estimate.totalBytes,
    candidate.sourceBytes,
  ];
  return candidates
    .map((candidate) => ({ ...assess(candidate, device, slots), candidate }))
    .map((assessment) => ({ assessment, keys: keys(assessment) }))
    .sort((a, b) => a.keys.reduce((order, key, i) => order || key - b.keys[i]!, 0))
    .map(({ assessment }) => assessment);
}

/** The best for `use`, or null when nothing fits this device. */
export function recommend<C extends Choosable>(
  candidates: readonly C[],
  device: DeviceFacts,
  use: Use,
  slots: number,
): (Assessment & { candidate: C }) | null {
  const [best] = rankAll(candidates, device, use, slots);
  return best && best.verdict !== 'no' ? best : null;
}
