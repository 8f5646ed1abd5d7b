/**
 * Plain text in pieces that are laid out one by one, and only in sight (`content-visibility`): browsers take seconds for one text of a
 * megabyte with many lines, and again whenever it grows.
 */
const PIECE_CHARACTERS = 8_000;
const PIECE_LINES = 200;

/** End of the piece of `text` that begins at `from`: at a line end if possible, or inside a line that is longer than a piece. */
export function pieceEnd(text: string, from: number): number {
  const limit = Math.min(text.length, from + PIECE_CHARACTERS);
  let behindLine = from;
  for (let lines = 0; lines < PIECE_LINES; lines++) {
    const next = text.indexOf('\n', behindLine) + 1;
    if (next === 0 || next > limit) break;
    behindLine = next;
    if (lines === PIECE_LINES - 1) return behindLine;
  }
  if (limit === text.length) return limit;
  if (behindLine > from) return behindLine;
  const splitsPair = /[\ud800-\udbff]/.test(text[limit - 1]!);
  return splitsPair ? limit + 1 : limit;
}

export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const end = pieceEnd(text, from);
    pieces.push(text.slice(from, end));
    from = end;
  }
  return pieces;
}
