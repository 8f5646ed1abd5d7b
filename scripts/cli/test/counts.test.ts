import { describe, expect, it } from 'vitest';
import { countVitest } from './counts.ts';

const report = (passed: number, failed: number, pending = 0, todo = 0): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, numPendingTests: pending, numTodoTests: todo });

describe('countVitest', () => {
  it('sums tests', () => {
    expect(countVitest(report(5, 0, 1, 1), 0)).toEqual({ passed: 5, failed: 0, skipped: 2 });
    expect(countVitest(report(5, 2), 1)).toEqual({ passed: 5, failed: 2, skipped: 0 });
  });

  it('counts a run that broke outside a test, and one without tests', () => {
    expect(countVitest(report(5, 0), 1)).toEqual({ passed: 5, failed: 1, skipped: 0 });
    expect(countVitest(report(0, 0), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countVitest(null, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});
