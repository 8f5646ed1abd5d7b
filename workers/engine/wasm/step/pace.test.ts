import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

/** Times of a step by threads, in ms. */
type Times = Readonly<Record<number, number>>;

function steps(pace: Pace, count: number, times: Times): void {
  for (let i = 0; i < count; i++) pace.took(pace.threads, times[pace.threads]!);
}

/** Takes steps until a measurement begins; returns how many. */
function untilMeasured(pace: Pace, times: Times): number {
  let count = 0;
  for (; !pace.measuring; count++) steps(pace, 1, times);
  return count;
}

/** The numbers of threads that a measurement tries. */
function tries(pace: Pace, times: Times): number[] {
  const tried: number[] = [];
  while (pace.measuring) {
    tried.push(pace.threads);
    steps(pace, 1, times);
  }
  return tried;
}

it('runs on all threads at the load, then tries all, half and one in turns, and takes the fastest', () => {
  const pace = new Pace(8);
  const times = { 8: 7, 4: 5, 1: 6 };
  expect(pace.threads).toBe(8);
  expect(untilMeasured(pace, times)).toBe(8);
  expect(tries(pace, times)).toEqual([8, 4, 1, 8, 4, 1, 8, 4, 1]);
  expect(pace.threads).toBe(4);
});

it('does not repeat what is hopeless', () => {
  const pace = new Pace(8);
  const times = { 8: 10, 4: 14, 1: 60 };
  untilMeasured(pace, times);
  expect(tries(pace, times)).toEqual([8, 4, 1, 8, 4, 8, 4]);
  expect(pace.threads).toBe(8);
  untilMeasured(pace, times);
  expect(tries(pace, { ...times, 1: 2 })).toEqual([8, 4, 1]);
  expect(pace.threads).toBe(1);
});

it('stays with what it has where another number wins nothing', () => {
  const pace = new Pace(2);
  const times = { 2: 10, 1: 9.9 };
  untilMeasured(pace, times);
  tries(pace, times);
  expect(pace.threads).toBe(2);
});

it('measures again when steps become slow, and more and more seldom while nothing happens', () => {
  const pace = new Pace(2);
  const times = { 2: 10, 1: 18 };
  const pauses = [];
  for (let i = 0; i < 5; i++) {
    pauses.push(untilMeasured(pace, times));
    tries(pace, times);
  }
  expect(pauses).toEqual([8, 32, 128, 400, 400]);
  expect(untilMeasured(pace, { 2: 40 })).toBe(24);
  tries(pace, { 2: 40, 1: 18 });
  expect(pace.threads).toBe(1);
  steps(pace, 100, times);
  expect(untilMeasured(pace, { 1: 40 })).toBe(6);
  tries(pace, times);
  expect(pace.threads).toBe(2);
});

it('has nothing to measure with one thread', () => {
  const pace = new Pace(1);
  steps(pace, 1000, { 1: 5 });
  expect([pace.measuring, pace.threads]).toEqual([false, 1]);
});
