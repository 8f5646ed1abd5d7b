import { describe, expect, it } from 'vitest';
import { floatToHalf, halfToFloat } from './half.ts';

const bits = (value: number) => floatToHalf(Float32Array.of(value))[0];

describe('floatToHalf', () => {
  it('gives back every float16 but the kinds of NaN', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((i) => (i & 0x7fff) <= 0x7c00);
    expect(floatToHalf(halfToFloat(new Uint8Array(all.buffer)))).toEqual(all);
    expect(bits(Number.NaN)! & 0x7fff).toBeGreaterThan(0x7c00);
  });

  it('rounds to nearest, ties to even', () => {
    expect(bits(1 + 2 ** -11)).toBe(0x3c00);
    expect(bits(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(bits(1 + 2 ** -11 + 2 ** -20)).toBe(0x3c01);
    expect(bits(2 ** -25)).toBe(0);
    expect(bits(3 * 2 ** -25)).toBe(2);
    expect(bits(2 ** -14 - 2 ** -26)).toBe(0x0400);
  });

  it('makes what is too large infinite', () => {
    expect(bits(65519)).toBe(0x7bff);
    expect(bits(65520)).toBe(0x7c00);
    expect(bits(-1e9)).toBe(0xfc00);
  });
});
