/** What the full-size page answers, and its figures in words. */
import type { ErrorShape } from '../../workers/shared/errors.ts';

/** A value, or the error as the page passes it on: errors lose their code on the way to Node. */
export type Outcome<T> = { value: T } | { error: ErrorShape };

/** The value. Throws the error. */
export function need<T>(outcome: Outcome<T>): T {
  if ('error' in outcome) throw new Error(`${outcome.error.code}: ${outcome.error.message}`);
  return outcome.value;
}

export const GB = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
