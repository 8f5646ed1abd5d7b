import { describe, expect, it } from 'vitest';
import { uniforms } from '../generate/random.ts';
import { compensateInto, feedbackOf } from './compensate.ts';
import { codeOf, int4Scales, int4Values, roundInto, type Int4Matrix } from './int4-columns.ts';
import { plainProducts, transposed } from './products.ts';

/** More than two blocks of the factorisation. */
const K = 150;
const N = 10;
const TOKENS = 400;

/** Activations whose inputs go together: a few hidden causes and noise. */
async function calibration(seed: number) {
  const random = uniforms(seed);
  const normal = () => random() + random() + random() + random() - 2;
  const causes = Float32Array.from({ length: TOKENS * 12 }, normal);
  const mixing = Float32Array.from({ length: 12 * K }, normal);
  const x = (await plainProducts.times(causes, mixing, TOKENS, 12, K)).map((value) => value + 0.3 * normal());
  const gram = await plainProducts.times(transposed(x, TOKENS, K), x, K, TOKENS, K);
  const values = Float32Array.from({ length: K * N }, normal);
  return { x, gram, values };
}

async function outputError(x: Float32Array, values: Float32Array, out: Int4Matrix, group: number): Promise<number> {
  const restored = int4Values(out, N, group);
  const lost = await plainProducts.times(
    x,
    values.map((value, i) => value - restored[i]!),
    TOKENS,
    K,
    N,
  );
  return lost.reduce((sum, value) => sum + value * value, 0);
}

const empty = (groups: number): Int4Matrix => ({
  codes: new Uint8Array((K * N) / 2),
  scales: new Float32Array(groups * N),
});

describe('compensated rounding', () => {
  it('factorises what goes together', async () => {
    const { gram } = await calibration(1);
    const { order, factor } = await feedbackOf(gram, K, plainProducts);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: K }, (_, i) => i));
    const damping = (0.01 * Array.from({ length: K }, (_, i) => gram[i * K + i]!).reduce((a, b) => a + b)) / K;
    // M D M' = G: D follows from the inverse of M applied to the diagonal, so it is checked by solving for it from the last row on.
    const rest = Float64Array.from({ length: K * K }, (_, i) => {
      const [a, b] = [order[Math.floor(i / K)]!, order[i % K]!];
      return gram[a * K + b]! + (a === b ? damping : 0);
    });
    for (let c = K - 1; c >= 0; c--) {
      const d = rest[c * K + c]!;
      expect(d).toBeGreaterThan(0);
      for (let i = 0; i <= c; i++) {
        expect(factor[i * K + c]).toBeCloseTo(rest[i * K + c]! / d, 2);
        for (let j = 0; j <= c; j++) rest[i * K + j]! -= factor[i * K + c]! * factor[j * K + c]! * d;
      }
    }
    for (let i = 1; i < K; i++) expect(factor[i * K + i - 1]).toBe(0);
  });

  it('rounds one input after another, what is lost added to those behind it', async () => {
    const { gram, values } = await calibration(2);
    const feedback = await feedbackOf(gram, K, plainProducts);
    const scales = int4Scales(values, K, N, K);
    const out = empty(1);
    await compensateInto(out, values, scales, { k: K, n: N, group: K }, feedback, plainProducts);
    const restored = int4Values(out, N, K);
    let differing = 0;
    for (let c = 0; c < N; c++) {
      const lost: number[] = [];
      feedback.order.forEach((input, place) => {
        let carried = 0;
        lost.forEach((error, j) => (carried += error * feedback.factor[j * K + place]!));
        const value = values[input * N + c]!;
        const expected = codeOf(value + carried, 1 / scales[c]!) * scales[c]!;
        const found = restored[input * N + c]!;
        if (Math.abs(found - expected) > 1e-6) differing++; // a sum in another order may fall on the other side of a half
        lost.push(value - found);
      });
    }
    expect(differing).toBeLessThan((K * N) / 200);
  });

  it.each([K, 50])('loses less than half of what rounding to the nearest step loses (groups of %d)', async (group) => {
    const { x, gram, values } = await calibration(3);
    const scales = int4Scales(values, K, N, group);
    const nearest = empty(K / group);
    roundInto(nearest, N, 0, values, scales, N, group);
    const compensated = empty(K / group);
    const feedback = await feedbackOf(gram, K, plainProducts);
    await compensateInto(compensated, values, scales, { k: K, n: N, group }, feedback, plainProducts);
    expect(await outputError(x, values, compensated, group)).toBeLessThan(
      0.5 * (await outputError(x, values, nearest, group)),
    );
  });

  it('takes inputs that calibration has not seen', async () => {
    const { values } = await calibration(4);
    const feedback = await feedbackOf(new Float32Array(K * K), K, plainProducts);
    const out = empty(1);
    const scales = int4Scales(values, K, N, K);
    await compensateInto(out, values, scales, { k: K, n: N, group: K }, feedback, plainProducts);
    const nearest = empty(1);
    roundInto(nearest, N, 0, values, scales, N, K);
    expect(out.codes).toEqual(nearest.codes);
  });
});
