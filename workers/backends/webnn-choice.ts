/** Choosing a token from the candidates that leave the device: the same order as in graph/select.ts. */
import { SUMMARY, summaryLayout } from '../graph/webnn-select.ts';
import type { Sampling } from '../protocol.ts';

export interface Candidates {
  /** Logits after the repetition penalty. */
  scores: Float32Array;
  /** Ascending. */
  ids: Int32Array;
  /** Sum of exp((score - best) / temperature) over the whole vocabulary. */
  mass: number;
}

/** The candidates in a summary; null: more tokens were above the threshold than there are places for, or the logits are not numbers. */
export function readCandidates(summary: Float32Array, vocab: number): Candidates | null {
  const { places, mostBlocks } = summaryLayout(vocab);
  const count = summary[SUMMARY.count]!;
  if (!(count >= 1 && count <= places && summary[SUMMARY.blocks]! <= mostBlocks)) return null;
  const at = SUMMARY.candidates;
  return { scores: summary.subarray(at, at + count), ids: Int32Array.from(summary.subarray(at + places, at + places + count)), mass: summary[SUMMARY.mass]! };
}

/** Every token as a candidate. */
export function allCandidates(logits: Float32Array, seen: Float32Array, { repetitionPenalty, temperature }: Sampling): Candidates {
  const scores = logits.map((logit, id) => (seen[id] ? (logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty) : logit));
  const best = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const mass = scores.reduce((sum, score) => sum + Math.exp((score - best) / (temperature || 1)), 0);
  return { scores, ids: Int32Array.from(scores.keys()), mass };
}

export const isGreedy = ({ temperature, topK }: Sampling) => temperature === 0 || topK === 1;

/**
 * Temperature, top-k, then min-p and top-p on the probabilities of what is left; `random` in [0, 1) picks. Null when the choice depends on
 * tokens that are no candidates: the caller then looks at all of them.
 */
export function choose({ scores, ids, mass }: Candidates, vocab: number, sampling: Sampling, random: number): number | null {
  const order = Array.from(ids.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const first = order[0]!;
  if (isGreedy(sampling)) return ids[first]!;
  const { temperature, topK, topP, minP } = sampling;
  const wanted = topK === 0 ? vocab : Math.min(topK, vocab);
  const complete = order.length >= wanted;
  if (!complete && wanted < vocab) return null;
  const best = scores[first]!;
  const weights = order.slice(0, wanted).map((i) => Math.exp((scores[i]! - best) / temperature));
  const total = complete ? weights.reduce((sum, weight) => sum + weight, 0) : mass;
  let kept = 0;
  let sum = 0;
  while (kept < weights.length && (kept === 0 || (sum < topP * total && weights[kept]! >= minP))) sum += weights[kept++]!;
  const open = kept === weights.length && !complete; // tokens behind the candidates may count too
  if (open && (topP < 1 || minP > 0)) return null;
  const target = random * (open ? total : sum);
  if (open && target >= sum) return null;
  let passed = 0;
  for (let i = 0; i < kept; i++) {
    passed += weights[i]!;
    if (passed > target) return ids[order[i]!]!;
  }
  return ids[order[Math.max(0, kept - 1)]!]!;
}
