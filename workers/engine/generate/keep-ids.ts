/** Keeps the ids of earlier replies as the model chose them. Encoding their text again may give other ids. */
import type { Tokenizer } from '../tokenizer/types.ts';

/** Only these two are asked of a tokenizer. */
export type Spelling = Pick<Tokenizer, 'idToken' | 'isControl'>;

/** How many ids each side takes until both spell the same text. Null if they differ or meet a control token. */
function sameSpelling(
  tokenizer: Spelling,
  known: readonly number[],
  i: number,
  fresh: readonly number[],
  j: number,
): [number, number] | null {
  const next = (ids: readonly number[], at: number): string | null => {
    const id = ids[at];
    // A control token equals only itself. A message that spells one out must never become one.
    return id === undefined || tokenizer.isControl(id) ? null : (tokenizer.idToken(id) ?? null);
  };
  let a = '';
  let b = '';
  do {
    const behind = a.length <= b.length;
    const piece = behind ? next(known, i++) : next(fresh, j++);
    if (piece === null) return null;
    if (behind) a += piece;
    else b += piece;
    if (!a.startsWith(b) && !b.startsWith(a)) return null;
  } while (a !== b);
  return [i, j];
}

/**
 * `fresh`, a prompt as the tokenizer encodes it, with its beginning replaced by `known` as far as both spell the same text. A model
 * sometimes writes "N" "PU" where the tokenizer says "NP" "U"; without this, the cache would be useless from there on,
 * and the model would see a history that it did not write.
 */
export function keepIds(tokenizer: Spelling, known: readonly number[], fresh: readonly number[]): number[] {
  let i = 0;
  let j = 0;
  while (i < known.length && j < fresh.length) {
    if (known[i] === fresh[j]) {
      i++;
      j++;
      continue;
    }
    const met = sameSpelling(tokenizer, known, i, fresh, j);
    if (!met) break;
    [i, j] = met;
  }
  return [...known.slice(0, i), ...fresh.slice(j)];
}
