import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

/** Times of a step by threads, in ms. */
type Times = Readonly<Record<number, number>>;

function steps(pace: Pace, count: number, times: Times): void {
  for (let i = 0; i < count; i++) pace.took(pace.threads, times[pace.threads]!);
}

it('tries all, half and one in turns, and takes the fastest', () => {
  const pace = new Pace(8);
  const tried: number[] = [];
  while (pace.measuring) {
    tried.push(pace.threads);
    steps(pace, 1, { 8: 9, 4: 5, 1: 20 });
  }
  expect(tried).toEqual([8, 4, 1, 8, 4, 1, 8, 4, 1]);
  expect(pace.threads).toBe(4);
});

it('stays with what it has where another number wins nothing', () => {
  const pace = new Pace(2);
  steps(pace, 6, { 2: 10, 1: 9.9 });
  expect([pace.measuring, pace.threads]).toEqual([false, 2]);
});

it('measures again when steps become slow, and after some hundred of them', () => {
  const pace = new Pace(2);
  steps(pace, 6, { 2: 10, 1: 18 });
  expect(pace.threads).toBe(2);
  steps(pace, 5, { 2: 40 });
  expect(pace.measuring).toBe(false);
  steps(pace, 1, { 2: 40 });
  expect(pace.measuring).toBe(true);
  steps(pace, 6, { 2: 40, 1: 18 });
  expect(pace.threads).toBe(1);
  steps(pace, 400, { 2: 10, 1: 18 });
  expect(pace.measuring).toBe(true);
  steps(pace, 6, { 2: 10, 1: 18 });
  expect(pace.threads).toBe(2);
});

it('has nothing to measure with one thread', () => {
  const pace = new Pace(1);
  expect(pace.measuring).toBe(false);
  steps(pace, 1000, { 1: 5 });
  expect([pace.measuring, pace.threads]).toEqual([false, 1]);
});
