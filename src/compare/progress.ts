/** How far a run is, and how long it still takes. */
import type { RowProgress } from './measure.ts';

export interface Running {
  labels: string[];
  /** Row that is measured now, and how far it is; null while the prompts are made. */
  at: { index: number; progress: RowProgress } | null;
  /** Rows that are over, by their indices: they run in any order. */
  done: readonly number[];
  /** Those of them that a run before this one measured. */
  earlier: readonly number[];
  /** `performance.now()` at the start. */
  startedAt: number;
  /** By the estimate of each row. */
  seconds: number[];
}

/** `share`: of the estimated seconds of the whole run. `leftSeconds`: by this machine's own pace; null until there is one. */
export function progressOf(
  { at, done, earlier, startedAt, seconds }: Omit<Running, 'labels'>,
  now: number,
): { share: number; leftSeconds: number | null } {
  const sumOf = (indices: readonly number[]) => indices.reduce((sum, index) => sum + seconds[index]!, 0);
  const all = seconds.reduce((sum, value) => sum + value, 0);
  // A row that is measured again is not over yet.
  const over = sumOf(done.filter((index) => index !== at?.index)) + (at ? at.progress.share * seconds[at.index]! : 0);
  const worked = over - sumOf(earlier.filter((index) => index !== at?.index));
  const elapsed = (now - startedAt) / 1000;
  return { share: over / all, leftSeconds: worked > 0.05 * all ? (elapsed / worked) * (all - over) : null };
}
