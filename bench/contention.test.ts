import { describe, expect, it } from 'vitest';
import { cpuTimes, othersShare } from './contention.ts';

describe('othersShare', () => {
  const times = (capacity: number, busy: number, own: Record<number, number>) => ({
    capacity,
    busy,
    own: new Map(Object.entries(own).map(([pid, ticks]) => [Number(pid), ticks])),
  });

  it('is what was busy without us, of all there was', () => {
    expect(othersShare(times(1000, 500, { 7: 100 }), times(1200, 650, { 7: 150, 8: 50 }))).toBeCloseTo(0.25);
  });

  it('is never negative: ticks are rounded for each process', () => {
    expect(othersShare(times(1000, 500, { 7: 100 }), times(1100, 560, { 7: 170 }))).toBe(0);
  });

  it.runIf(process.platform === 'linux')('counts this process as ours', () => {
    const before = cpuTimes()!;
    const spent = (times: typeof before) => times.own.get(process.pid)! - (before.own.get(process.pid) ?? 0);
    let after = before;
    // A tick is 10 ms of processor time; on a busy machine that may take a while.
    const waiting = () => spent(after) === 0 || after.capacity === before.capacity; // the two counters are read one after the other
    for (const end = performance.now() + 20_000; waiting() && performance.now() < end;) after = cpuTimes()!;
    expect(spent(after)).toBeGreaterThan(0);
    expect(after.capacity).toBeGreaterThan(before.capacity);
  });
});
