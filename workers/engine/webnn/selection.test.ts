import { describe, expect, it } from 'vitest';
import { SUMMARY, summaryLayout } from './select-graph.ts';
import type { Sampling } from '../../shared/protocol.ts';
import { allCandidates, choose, readCandidates } from './selection.ts';

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
    const vocab = 640;
    const { places } = summaryLayout(vocab);
    const summary = new Float32Array(SUMMARY.candidates + 2 * places);
    summary.set([2], SUMMARY.count);
    summary.set([1.5, 0.5], SUMMARY.candidates);
    summary.set([10, 20], SUMMARY.candidates + places);
    expect(readCandidates(summary, vocab)).toEqual({ scores: Float32Array.of(1.5, 0.5), ids: Int32Array.of(10, 20) });
    summary.set([places + 1], SUMMARY.count);
    expect(readCandidates(summary, vocab)).toBeNull();
    expect(summary.byteLength).toBeLessThanOrEqual(4096);
  });

  it('applies the penalty to what occurred', () => {
    const { scores } = allCandidates(Float32Array.of(2, -2, 3), Float32Array.of(1, 1, 0), {
      ...OFF,
      repetitionPenalty: 2,
    });
    expect(scores).toEqual(Float32Array.of(1, -4, 3));
  });
});
