import { describe, expect, it } from 'vitest';
import { compareArgmax, compareGreedy, compareLogits, compareNll, shareAtGap } from './compare.ts';

describe('compareLogits', () => {
  it('finds the largest difference', () => {
    expect(compareLogits([1, 2, 3], [1, 2.01, 3], 0.02)).toMatchObject({ at: 1, problem: null, ours: 2, reference: 2 });
    expect(compareLogits([1, 2, 3], [1, 2.01, 3], 0.02).largest).toBeCloseTo(0.01);
    expect(compareLogits([1, 2, 3], [1, 2.1, 3], 0.02).problem).toContain('token 1');
  });

  it('fails on NaN, infinity and another vocabulary', () => {
    expect(compareLogits([1, NaN], [1, 2], 1e9)).toMatchObject({ largest: null, nonFinite: 1 });
    expect(compareLogits([1, NaN], [1, 2], 1e9).problem).not.toBeNull();
    expect(compareLogits([1, Infinity], [1, 2], 1e9).problem).not.toBeNull();
    expect(compareLogits([1], [1, 2], 1e9).problem).toContain('1 logits');
  });
});

describe('compareArgmax', () => {
  it('forgives ties only', () => {
    expect(compareArgmax('x', [1, 2, 3], [1, 2, 4], [1, 1, 0.04], 0.02)).toEqual({
      compared: 3,
      equal: 2,
      wrong: [],
      problem: null,
    });
    expect(compareArgmax('x', [1, 2, 3], [1, 2, 4], [1, 1, 0.05], 0.02)).toMatchObject({ equal: 2, wrong: [2] });
    expect(compareArgmax('x', [1, 2, 3], [1, 2, 4], [1, 1, NaN], 0.02).wrong).toEqual([2]);
    expect(compareArgmax('x', [1, 3], [1, 4], null, 0.02)).toEqual({ compared: 2, equal: 1, wrong: [], problem: null });
    expect(compareArgmax('x', [1], [1, 4], null, 0.02).problem).toContain('1 positions');
  });
});

describe('compareGreedy', () => {
  it('passes equal ids, and more than were asked', () => {
    expect(compareGreedy([1, 2, 3], [9, 9, 9], [1, 2], 0.02)).toEqual({
      compared: 2,
      of: 2,
      equal: 2,
      mismatch: null,
      problem: null,
    });
  });

  it('does not compare what follows a tie', () => {
    expect(compareGreedy([1, 5, 9], [9, 0.04, 9], [1, 2, 3], 0.02)).toMatchObject({
      compared: 2,
      of: 3,
      equal: 1,
      problem: null,
      mismatch: { step: 1, counts: false },
    });
  });

  it('counts a clear mismatch, a missing gap and missing tokens', () => {
    expect(compareGreedy([1, 5], [9, 0.041], [1, 2], 0.02).problem).toContain('token 5 in place of 2 at step 1');
    expect(compareGreedy([1, 5], [9, NaN], [1, 2], 0.02).problem).not.toBeNull();
    expect(compareGreedy([1], [9], [1, 2], 0.02).problem).toContain('only 1 of 2');
  });
});

describe('shareAtGap', () => {
  it('counts the sure steps', () => {
    expect(shareAtGap([1, 2, 9, 4], [1, 2, 3, 4], [0.7, 0.1, 0.8, 2], 0.7)).toEqual({ steps: 3, equal: 2 });
  });
});

describe('compareNll', () => {
  it('compares means', () => {
    expect(compareNll([1, 2, 3], 2.01, 0.02)).toMatchObject({ tokens: 3, meanNll: 2, problem: null });
    expect(compareNll([1, 2, 3], 2.03, 0.02).problem).toContain('-0.03');
    expect(compareNll([1, 2, 3], null, 0).problem).toBeNull();
    expect(compareNll([1, NaN], null, 0).problem).toContain('not finite');
  });
});
