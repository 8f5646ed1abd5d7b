import { describe, expect, it } from 'vitest';
import { piecesOf } from './pieces.ts';

describe('piecesOf', () => {
  it.each([
    ['', 0],
    ['one\ntwo', 1],
    ['a\n'.repeat(1000), 5],
    ['word '.repeat(10_000), 7],
    [`${'x'.repeat(7_000)}\n${'y'.repeat(7_000)}`, 2],
    [`x${'😀'.repeat(8_000)}`, 2],
  ])('loses nothing, and splits at lines and between characters: %.12j…', (text, count) => {
    const pieces = piecesOf(text);
    expect(pieces.join('')).toBe(text);
    expect(pieces).toHaveLength(count);
    for (const piece of pieces) {
      expect(piece.length).toBeLessThanOrEqual(8_001);
      expect(piece).toBe(piece.toWellFormed());
    }
  });

  it('ends a piece behind a line where there is one', () => {
    for (const piece of piecesOf(`${'line of words\n'.repeat(2000)}end`).slice(0, -1))
      expect(piece.endsWith('\n')).toBe(true);
  });
});
