import { describe, expect, it } from 'vitest';
import { SUMMARY, summaryLayout } from './select-graph.ts';
import type { Sampling } from '../../shared/protocol.ts';
import { allCandidates, choose, likeliestOf, readCandidates } from './selection.ts';

const OFF: Sampling = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 };
/** Probabilities 0.5, 0.3, 0.15, 0.05 of tokens 7, 2, 9, 4. */
const FOUR = { ids: Int32Array.of(2, 4, 7, 9), scores: Float32Array.of(0.3, 0.05, 0.5, 0.15).map(Math.log) };
const at = (sampling: Partial<Sampling>, ...randoms: number[]) =>
  randoms.map((random) => choose(FOUR, { ...OFF, ...sampling }, random));

describe('choose', () => {
  it('takes the best, the lowest of equals', () => {
    expect(at({ temperature: 0 }, 0.99)).toEqual([7]);
    expect(at({ topK: 1 }, 0.99)).toEqual([7]);
    expect(choose({ ids: Int32Array.of(3, 5), scores: Float32Array.of(1, 1) }, { ...OFF, temperature: 0 }, 0.9)).toBe(
      3,
    );
  });

  it('draws by probability, the most likely first', () => {
    expect(at({}, 0, 0.49, 0.51, 0.79, 0.81, 0.94, 0.96, 0.999999)).toEqual([7, 7, 2, 2, 9, 9, 4, 4]);
  });

  it('cuts by top-k, top-p and min-p and draws from what is left', () => {
    expect(at({ topK: 2 }, 0.62, 0.63, 0.999)).toEqual([7, 2, 2]);
    expect(at({ topK: 99 }, 0.999)).toEqual([4]);
    expect(at({ topP: 0.6 }, 0.62, 0.63, 0.999)).toEqual([7, 2, 2]);
    expect(at({ topP: 0.4 }, 0.999)).toEqual([7]);
    expect(at({ minP: 0.25 }, 0.999)).toEqual([9]); // 0.15 / 0.5 is above, 0.05 / 0.5 below
  });

  it('sharpens with a low temperature', () => {
    expect(at({ temperature: 0.5 }, 0.68, 0.69)).toEqual([7, 2]); // 0.25 of 0.365
  });
});

describe('the summary', () => {
  it('holds the candidates, or says that there are too many', () => {
    const vocab = 200_064;
    const { length, places, size } = summaryLayout(vocab);
    const summary = new Float32Array(length);
    summary.set([1923, 7], SUMMARY.bestBlock);
    summary.set([2], SUMMARY.count);
    const at = SUMMARY.candidates;
    summary.set([1.5, 0.5], at);
    summary.set([3, 1900.0001], at + places); // as Qualcomm's simulator converts from float16
    summary.set([10, 20], at + 2 * places);
    expect(likeliestOf(summary, vocab)).toBe(1923 * size + 7);
    expect(readCandidates(summary, vocab)).toEqual({
      scores: Float32Array.of(1.5, 0.5),
      ids: Int32Array.of(3 * size + 10, 1900 * size + 20),
    });
    summary.set([places + 1], SUMMARY.count);
    expect(readCandidates(summary, vocab)).toBeNull();
  });

  it('counts in numbers that float16 holds, in 4 KB', () => {
    for (const vocab of [300, 512, 2048, 32_064, 49_152, 100_352, 200_064, 262_144]) {
      const { length, size, count } = summaryLayout(vocab);
      expect(count).toBeLessThanOrEqual(2048);
      expect(size).toBeLessThanOrEqual(2048);
      expect(4 * length).toBeLessThanOrEqual(4096);
    }
  });

  it('applies the penalty to what occurred', () => {
    const { scores } = allCandidates(Float32Array.of(2, -2, 3), Float32Array.of(1, 1, 0), {
      ...OFF,
      repetitionPenalty: 2,
    });
    expect(scores).toEqual(Float32Array.of(1, -4, 3));
  });
});
