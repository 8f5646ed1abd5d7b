import { PhiError } from '../../shared/errors.ts';

/** SentencePiece's own default is 16 characters; longer pieces would make the table below quadratic. */
const MAX_PIECE = 256;

/**
 * Merges of a SentencePiece BPE vocabulary, best first. SentencePiece joins the neighbours whose joined piece scores highest; every way
 * to cut a piece into two pieces is therefore a merge of that piece's score. Equal scores go by id, as in the tokenizer.json files
 * that were made from such vocabularies.
 */
export function mergesFromScores(pieces: ReadonlyMap<string, number>, scores: ArrayLike<number>): [string, string][] {
  const joined = [...pieces]
    .filter(([piece]) => piece.length > 1)
    .sort(([, a], [, b]) => scores[b]! - scores[a]! || a - b);
  const merges: [string, string][] = [];
  for (const [piece, id] of joined) {
    if (piece.length > MAX_PIECE)
      throw new PhiError(
        'bad-model',
        `The tokenizer's piece ${id} has ${piece.length} characters, which is too long for SentencePiece. The file is damaged.`,
      );
    const cuts: { pair: [string, string]; left: number; right: number }[] = [];
    for (let at = 1; at < piece.length; at++) {
      const pair: [string, string] = [piece.slice(0, at), piece.slice(at)];
      const left = pieces.get(pair[0]);
      const right = pieces.get(pair[1]);
      if (left !== undefined && right !== undefined) cuts.push({ pair, left, right });
    }
    cuts.sort((a, b) => a.left - b.left || a.right - b.right);
    for (const { pair } of cuts) merges.push(pair);
  }
  return merges;
}
