import { describe, expect, it } from 'vitest';
import { seeded } from '../../store/testing/random.ts';
import { emptyRows, type KvRows } from '../decoder.ts';
import { decodePart, encodePart, keptBytes, partBytes } from './codec.ts';

const SHAPE = { layers: 3, kvHeads: 2, headDim: 8 };
const TOKENS = 20;

/** Rows as a model makes them: some key channels are much larger than others. */
function randomRows(seed: number): KvRows {
  const random = seeded(seed);
  const rows = emptyRows(SHAPE.kvHeads, TOKENS, SHAPE.headDim);
  for (let i = 0; i < rows.keys.length; i++) {
    rows.keys[i] = (random() - 0.5) * (i % SHAPE.headDim === 3 ? 40 : 1);
    rows.values[i] = random() - 0.5;
  }
  return rows;
}

/** Encodes `[0, TOKENS)` in two parts and puts them back. */
function throughParts(rows: KvRows, cut: number): KvRows {
  const out = emptyRows(SHAPE.kvHeads, TOKENS, SHAPE.headDim);
  for (const [from, to] of [
    [0, cut],
    [cut, TOKENS],
  ] as const)
    decodePart(SHAPE, to - from, encodePart(SHAPE, rows, TOKENS, from, to)!, out, TOKENS, from);
  return out;
}

describe('a part of a kept cache', () => {
  it('has every value within the half of float16’s last bit', () => {
    const rows = randomRows(3);
    const out = throughParts(rows, 7);
    for (const field of ['keys', 'values'] as const)
      rows[field].forEach((value, i) =>
        expect(Math.abs(out[field][i]! - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -25),
      );
  });

  it('keeps zeros, and a row of nothing else', () => {
    const rows = emptyRows(SHAPE.kvHeads, TOKENS, SHAPE.headDim);
    rows.keys[5] = -2;
    const out = throughParts(rows, 11);
    expect(out.keys[5]).toBeCloseTo(-2, 6);
    expect(out.keys.filter((value) => value !== 0)).toHaveLength(1);
    expect(out.values.every((value) => value === 0)).toBe(true);
  });

  it.each([NaN, Infinity, -Infinity, 70_000])('is not made of %s', (value) => {
    for (const field of ['keys', 'values'] as const) {
      const rows = randomRows(4);
      rows[field][40] = value;
      expect(encodePart(SHAPE, rows, TOKENS, 0, TOKENS)).toBeNull();
    }
  });

  it('has the size that is said of it', () => {
    const bytes = encodePart(SHAPE, randomRows(5), TOKENS, 2, 9)!.length;
    expect(bytes).toBe(partBytes(SHAPE, 7));
    expect(keptBytes(SHAPE, 7)).toBe(3 * bytes);
  });

  it('has the sizes of docs/performance.md for 1,000 tokens', () => {
    const megabytes = (layers: number, kvHeads: number, headDim: number) =>
      Math.round(keptBytes({ layers, kvHeads, headDim }, 1000) / 1e5) / 10;
    expect(megabytes(30, 3, 64)).toBe(23); // starter
    expect(megabytes(32, 8, 128)).toBe(131.1); // Phi-4-mini
  });
});
