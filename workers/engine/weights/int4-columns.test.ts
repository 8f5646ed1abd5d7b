import { describe, expect, it } from 'vitest';
import { uniforms } from '../generate/random.ts';
import { int4Scales, int4Values, roundInto, type Int4Matrix } from './int4-columns.ts';

const K = 64;
const N = 6;

/** `[K, N]`, every column with one outlier. */
function matrix(seed: number): Float32Array {
  const random = uniforms(seed);
  const values = Float32Array.from({ length: K * N }, () => random() + random() + random() - 1.5);
  for (let c = 0; c < N; c++) values[5 * N + c] = 6;
  return values;
}

const empty = (groups: number): Int4Matrix => ({
  codes: new Uint8Array((K * N) / 2),
  scales: new Float32Array(groups * N),
});

function squaredError(values: Float32Array, group: number, search: boolean, importance: Float32Array | null = null) {
  const out = empty(K / group);
  roundInto(out, N, 0, values, int4Scales(values, K, N, group, { search, importance }), N, group);
  const restored = int4Values(out, N, group);
  return values.reduce(
    (sum, value, i) => sum + (importance?.[Math.floor(i / N)] ?? 1) * (value - restored[i]!) ** 2,
    0,
  );
}

describe('4 bits by column', () => {
  it('packs two codes a byte, the low half first, and one scale a column', () => {
    const out: Int4Matrix = { codes: new Uint8Array(4), scales: new Float32Array(2) };
    // [4, 2]: whole multiples of the scales 0.5 and 2
    const values = Float32Array.of(-4, 14, 3.5, -2, 0, 0, 1, 6);
    roundInto(out, 2, 0, values, Float32Array.of(0.5, 2), 2, 4);
    // codes -8, 7; 7, -1; 0, 0; 2, 3
    expect([...out.codes]).toEqual([0x78, 0xf7, 0x00, 0x32]);
    expect(int4Values(out, 2, 4)).toEqual(values);
  });

  it('has a scale for each group of inputs and column', () => {
    const values = Float32Array.of(7, 70, -7, 10, 0.7, 0.1, 0.1, -0.7);
    const out: Int4Matrix = { codes: new Uint8Array(4), scales: new Float32Array(4) };
    roundInto(out, 2, 0, values, int4Scales(values, 4, 2, 2, { search: false }), 2, 2);
    const expected = [1, 10, 0.1, 0.1];
    out.scales.forEach((scale, i) => expect(scale).toBeCloseTo(expected[i]!, 6));
    int4Values(out, 2, 2).forEach((value, i) => expect(value).toBeCloseTo(values[i]!, 5));
  });

  it.each([1, 2, 3])('loses less with a searched scale than with the one of the largest weight (seed %d)', (seed) => {
    const values = matrix(seed);
    expect(squaredError(values, K, true)).toBeLessThan(0.92 * squaredError(values, K, false));
    expect(squaredError(values, 16, true)).toBeLessThanOrEqual(squaredError(values, 16, false));
  });

  it('spares the inputs that matter', () => {
    const values = matrix(4);
    const importance = Float32Array.from({ length: K }, (_, i) => (i === 5 ? 1000 : 1));
    const blind = int4Scales(values, K, N, K);
    const seeing = int4Scales(values, K, N, K, { importance });
    for (let c = 0; c < N; c++) expect(seeing[c]).toBeGreaterThan(blind[c]!); // the outlier is not clipped
  });

  it('takes columns of zeros', () => {
    const out = empty(1);
    const zeros = new Float32Array(K * N);
    roundInto(out, N, 0, zeros, int4Scales(zeros, K, N, K), N, K);
    expect(int4Values(out, N, K)).toEqual(zeros);
  });
});
