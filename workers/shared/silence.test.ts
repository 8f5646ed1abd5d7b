import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { watchSilence } from './silence.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('calls after the time without a word, and every word begins it anew', () => {
  const silent = vi.fn();
  const { heard } = watchSilence(3_000, silent);
  vi.advanceTimersByTime(2_900);
  heard();
  vi.advanceTimersByTime(2_000); // Whole ticks count: it may be a tick too early.
  expect(silent).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_100);
  expect(silent).toHaveBeenCalledOnce();
});

it('does not count the hours for which the machine slept', () => {
  const silent = vi.fn();
  watchSilence(3_000, silent);
  vi.advanceTimersByTime(1_000);
  vi.setSystemTime(Date.now() + 8 * 3_600_000); // The clock goes on; timers did not run.
  vi.advanceTimersByTime(1_000);
  expect(silent).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1_000);
  expect(silent).toHaveBeenCalledOnce();
});
