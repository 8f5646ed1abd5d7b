import { expect, it } from 'vitest';
import { progressOf } from './progress.ts';

const seconds = [10, 30, 60];
const at = (index: number, share: number) => ({ index, progress: { phase: 'measure' as const, share } });
const run = { at: null, done: [], earlier: [], startedAt: 1000, seconds };

it('counts the rows that are over by their own time, in whatever order they ran', () => {
  expect(progressOf(run, 1000)).toEqual({ share: 0, leftSeconds: null });
  expect(progressOf({ ...run, done: [2] }, 31_000)).toEqual({ share: 0.6, leftSeconds: 20 });
  expect(progressOf({ ...run, done: [2], at: at(0, 0.5) }, 33_500)).toMatchObject({ share: 0.65 });
});

it('never goes back from one row to the next', () => {
  const steps = [2, 0, 1].flatMap((index, i, order) =>
    [0, 0.5, 1].map((share) => progressOf({ ...run, done: order.slice(0, i), at: at(index, share) }, 2000).share),
  );
  expect([...steps].sort((a, b) => a - b)).toEqual(steps);
});

it('takes the pace from what this run measured, not from what was there', () => {
  const goneOn = { ...run, done: [2], earlier: [2] };
  expect(progressOf({ ...goneOn, at: at(0, 0) }, 2000)).toEqual({ share: 0.6, leftSeconds: null });
  expect(progressOf({ ...goneOn, done: [2, 0] }, 6000)).toEqual({ share: 0.7, leftSeconds: 15 });
});

it('counts a row that is measured again as not over', () => {
  expect(progressOf({ ...run, done: [0, 1, 2], at: at(1, 0.5) }, 86_000)).toEqual({ share: 0.85, leftSeconds: 15 });
});
