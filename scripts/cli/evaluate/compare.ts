/**
 * The verdicts of `npm run evaluate`, pure. One rule holds everywhere: when all logits are within `tolerance` of the reference's, the
 * order of two tokens can differ only where they are at most twice the tolerance apart. Closer than that is a tie and proves nothing.
 */

export interface LogitsVerdict {
  /** Largest absolute difference; null when a value was not finite or the lengths differ. */
  largest: number | null;
  /** Token at which it lies. */
  at: number;
  /** Our logits that are not finite; a single one fails the case. */
  nonFinite: number;
  ours: number;
  reference: number;
  problem: string | null;
}

/** Index of the largest value; the first of equals. */
export function argmax(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Last logits against the reference's. */
export function compareLogits(ours: readonly number[], reference: readonly number[], tolerance: number): LogitsVerdict {
  const verdict: LogitsVerdict = {
    largest: null,
    at: 0,
    nonFinite: ours.filter((value) => !Number.isFinite(value)).length,
    ours: argmax(ours),
    reference: argmax(reference),
    problem: null,
  };
  if (ours.length !== reference.length)
    return { ...verdict, problem: `the model has ${ours.length} logits, the reference ${reference.length}` };
  if (verdict.nonFinite > 0) return { ...verdict, problem: `${verdict.nonFinite} logits are not finite` };
  let largest = 0;
  for (let i = 0; i < ours.length; i++) {
    const difference = Math.abs(ours[i]! - reference[i]!);
    if (difference > largest) {
      largest = difference;
      verdict.at = i;
    }
  }
  const problem =
    largest > tolerance ? `the last logits differ by ${largest.toPrecision(3)} at token ${verdict.at}` : null;
  return { ...verdict, largest, problem };
}

export interface AgreementVerdict {
  compared: number;
  equal: number;
  /** Positions that differ although the tokens are clearly apart. */
  wrong: number[];
  problem: string | null;
}

/**
 * Best tokens against the reference's, position by position over the same prefix. `gaps`: how far best and second best are apart at
 * each position, ours or the reference's; without them a difference is counted but proves nothing.
 */
export function compareArgmax(
  what: string,
  ours: readonly number[],
  reference: readonly number[],
  gaps: readonly number[] | null,
  tolerance: number,
): AgreementVerdict {
  const compared = reference.length;
  if (ours.length !== compared)
    return {
      compared,
      equal: 0,
      wrong: [],
      problem: `${what}: ${ours.length} positions, the reference has ${compared}`,
    };
  const different = reference.flatMap((id, i) => (ours[i] === id ? [] : [i]));
  const wrong = gaps ? different.filter((i) => !(gaps[i]! <= 2 * tolerance)) : [];
  const problem =
    wrong.length > 0
      ? `${what}: ${wrong.length} of ${compared} best tokens differ where they are clearly apart, the first at position ${wrong[0]}`
      : null;
  return { compared, equal: compared - different.length, wrong, problem };
}

export interface GreedyVerdict {
  /** Steps whose prefix was the same on both sides. */
  compared: number;
  of: number;
  equal: number;
  /** First step that differs; what follows has another prefix and is not compared. */
  mismatch: { step: number; ours: number; reference: number; gap: number; counts: boolean } | null;
  problem: string | null;
}

/** Free-running greedy ids. A mismatch counts only where our own two best logits are further apart than twice the tolerance. */
export function compareGreedy(
  ours: readonly number[],
  gaps: readonly number[],
  reference: readonly number[],
  tolerance: number,
): GreedyVerdict {
  const of = reference.length;
  const step = reference.findIndex((id, i) => ours[i] !== id);
  if (step === -1) return { compared: of, of, equal: of, mismatch: null, problem: null };
  if (step >= ours.length)
    return {
      compared: step,
      of,
      equal: step,
      mismatch: null,
      problem: `greedy: only ${ours.length} of ${of} tokens were generated`,
    };
  const gap = gaps[step] ?? Number.NaN;
  const counts = !(gap <= 2 * tolerance);
  const problem = counts
    ? `greedy: token ${ours[step]} in place of ${reference[step]} at step ${step}, with ${gap.toPrecision(3)} to the second best`
    : null;
  return {
    compared: step + 1,
    of,
    equal: step,
    mismatch: { step, ours: ours[step]!, reference: reference[step]!, gap, counts },
    problem,
  };
}

export interface GapShare {
  steps: number;
  equal: number;
}

/** At steps where the reference leads by at least `gap`, how many have its token. */
export function shareAtGap(
  ours: readonly number[],
  reference: readonly number[],
  gaps: readonly number[],
  gap: number,
): GapShare {
  const steps = reference.map((_, i) => i).filter((i) => gaps[i]! >= gap);
  return { steps: steps.length, equal: steps.filter((i) => ours[i] === reference[i]).length };
}

/** Arithmetic mean; NaN of nothing. */
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

export interface NllVerdict {
  tokens: number;
  meanNll: number;
  perplexity: number;
  reference: number | null;
  difference: number | null;
  problem: string | null;
}

/** Mean negative log-likelihood, and how far it is from the reference's mean. */
export function compareNll(nll: readonly number[], reference: number | null, tolerance: number): NllVerdict {
  const meanNll = mean(nll);
  const difference = reference === null ? null : meanNll - reference;
  let problem: string | null = null;
  if (!Number.isFinite(meanNll)) problem = 'the mean NLL is not finite';
  else if (difference !== null && !(Math.abs(difference) <= tolerance))
    problem = `the mean NLL differs by ${difference.toPrecision(3)}`;
  return { tokens: nll.length, meanNll, perplexity: Math.exp(meanNll), reference, difference, problem };
}
