import { describe, expect, it } from 'vitest';
import { uniforms } from '../generate/random.ts';
import { blockRotation, rotation } from './rotate.ts';

/** Small noise and one outlier, as an activation has it. */
const values = (size: number) => {
  const random = uniforms(size);
  return Float32Array.from({ length: size }, (_, i) => 6 * random() - 3 + (i === 5 ? 100 : 0));
};
const norm = (x: Float32Array) => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

describe('rotation', () => {
  it.each([64, 96, 128, 512, 576, 1536, 3072])('of %i keeps lengths and products and spreads an outlier', (size) => {
    const a = values(size);
    const b = values(size).reverse();
    const before = { norm: norm(a), product: dot(a, b) };
    rotation(size).apply(a, 0);
    rotation(size).apply(b, 0);
    expect(norm(a)).toBeCloseTo(before.norm, 2);
    expect(Math.abs(dot(a, b) - before.product)).toBeLessThan(1e-3 * before.norm ** 2);
    expect(Math.max(...a.map(Math.abs))).toBeLessThan(30);
  });

  it('of blocks leaves what is around them alone', () => {
    const a = values(256);
    const b = values(256);
    blockRotation(64, 64, 192).apply(b, 0);
    expect([...b.subarray(0, 64)]).toEqual([...a.subarray(0, 64)]);
    expect([...b.subarray(192)]).toEqual([...a.subarray(192)]);
    rotation(64).apply(a, 128);
    expect([...b.subarray(128, 192)]).toEqual([...a.subarray(128, 192)]);
  });
});
