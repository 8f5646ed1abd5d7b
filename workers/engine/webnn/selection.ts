/**
 * Choosing a token from the candidates that leave the device: the same order as in wasm/select-graph.ts. Top-k off, or
 * a k beyond them, means the candidates (256 and more), as it means the best 1,024 on the other backends.
 */
import { mayChoose } from '../decoder.ts';
import { SUMMARY, summaryLayout } from './select-graph.ts';
import type { Sampling } from '../../shared/protocol.ts';

export interface Candidates {
  /** Logits after the repetition penalty. */
  scores: Float32Array;
  /** Ascending. */
  ids: Int32Array;
}

/** The candidates in a summary; null: so many equal logits that there are no places for them. */
export function readCandidates(summary: Float32Array, vocab: number): Candidates | null {
  const { places, mostBlocks } = summaryLayout(vocab);
  const count = whole(summary, SUMMARY.count);
  if (!(count >= 1 && count <= places && whole(summary, SUMMARY.blocks) <= mostBlocks)) return null;
  const at = SUMMARY.candidates;
  return {
    scores: summary.subarray(at, at + count),
    ids: Int32Array.from({ length: count }, (_, i) => idAt(summary, at + places + i, at + 2 * places + i, vocab)),
  };
}

/** The likeliest token by the raw logits. */
export const likeliestOf = (summary: Float32Array, vocab: number): number =>
  idAt(summary, SUMMARY.bestBlock, SUMMARY.bestPlace, vocab);

/** A device that converts from float16 may be a little off. */
const whole = (summary: Float32Array, at: number) => Math.round(summary[at]!);

const idAt = (summary: Float32Array, block: number, place: number, vocab: number) =>
  whole(summary, block) * summaryLayout(vocab).size + whole(summary, place);

/** Every token as a candidate. */
export function allCandidates(logits: Float32Array, seen: Float32Array, { repetitionPenalty }: Sampling): Candidates {
  const scores = logits.map((logit, id) =>
    seen[id] ? (logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty) : logit,
  );
  return { scores, ids: Int32Array.from(scores.keys()) };
}

/** Those that the mask allows. */
export function allowedOf({ scores, ids }: Candidates, mask: Uint32Array, vocab: number): Candidates {
  const kept = [...ids.keys()].filter((i) => mayChoose(mask, vocab, 0, ids[i]!));
  return { scores: Float32Array.from(kept, (i) => scores[i]!), ids: Int32Array.from(kept, (i) => ids[i]!) };
}

/** Temperature, top-k, then min-p and top-p on the probabilities of what is left; `random` in [0, 1) picks. */
export function choose(
  { scores, ids }: Candidates,
  { temperature, topK, topP, minP }: Sampling,
  random: number,
): number {
  if (temperature === 0 || topK === 1)
    return ids[scores.reduce((best, score, i) => (score > scores[best]! ? i : best), 0)]!;
  const order = Array.from(ids.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const best = scores[order[0]!]!;
  const weights = order.slice(0, topK || order.length).map((i) => Math.exp((scores[i]! - best) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let kept = 0;
  let sum = 0;
  while (kept < weights.length && (kept === 0 || (sum < topP * total && weights[kept]! >= minP)))
    sum += weights[kept++]!;
  let passed = 0;
  let chosen = 0;
  while (chosen + 1 < kept && (passed += weights[chosen]!) <= random * sum) chosen++;
  return ids[order[chosen]!]!;
}
