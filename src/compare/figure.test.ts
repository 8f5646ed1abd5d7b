import { describe, expect, it } from 'vitest';
import { figure, isUnsteady, ratio } from './figure.ts';

describe('figure', () => {
  it('is the median and the distance between the outermost rounds', () => {
    expect(figure([3, 1, 2])).toEqual({ median: 2, spread: 2, rounds: 3 });
    expect(figure([4, 1, 2, 3])).toEqual({ median: 2.5, spread: 3, rounds: 4 });
    expect(figure([7])).toEqual({ median: 7, spread: 0, rounds: 1 });
    expect(figure([])).toBeNull();
  });

  it('is unsteady when the rounds lie too far apart to compare', () => {
    expect(isUnsteady(figure([100, 105, 109])!)).toBe(false);
    expect(isUnsteady(figure([100, 105, 130])!)).toBe(true);
  });
});

describe('ratio', () => {
  it('reaches as far as both spreads allow', () => {
    expect(ratio(figure([18, 20, 22])!, figure([9, 10, 11])!)).toEqual({ value: 2, low: 18 / 11, high: 22 / 9 });
    expect(ratio(figure([1, 2, 9])!, figure([1])!).low).toBe(0);
  });
});
