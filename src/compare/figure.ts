/** Figures as they may be quoted: the median of the rounds, and how far the rounds lie apart. */

export interface Figure {
  median: number;
  /** Largest minus smallest round, in the figure's own unit. */
  spread: number;
  rounds: number;
}

/** Rounds that lie further apart than this part of their median are too unsteady to compare. */
const UNSTEADY = 0.15;

/** Null without rounds. */
export function figure(rounds: readonly number[]): Figure | null {
  if (rounds.length === 0) return null;
  const sorted = [...rounds].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, spread: sorted.at(-1)! - sorted[0]!, rounds: rounds.length };
}

/** Decimals that a median deserves: three figures or so. Its spread is written with as many. */
export const decimals = (median: number): number =>
  median >= 99.95 ? 0 : median >= 0.995 ? 1 : median >= 0.0995 ? 2 : 3;

export const isUnsteady = ({ median, spread }: Figure): boolean => spread > UNSTEADY * median;

export interface Ratio {
  value: number;
  /** The range of the ratio if both figures are off by half their spread. */
  low: number;
  high: number;
}

/** How many times `a` is `b`. */
export function ratio(a: Figure, b: Figure): Ratio {
  const edge = ({ median, spread }: Figure, sign: 1 | -1) => Math.max(0, median + (sign * spread) / 2);
  const most = (numerator: number, denominator: number) => (denominator > 0 ? numerator / denominator : Infinity);
  return { value: most(a.median, b.median), low: most(edge(a, -1), edge(b, 1)), high: most(edge(a, 1), edge(b, -1)) };
}
