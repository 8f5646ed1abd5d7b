import { describe, expect, it } from 'vitest';
import { ageOf, formatBytes, formatDuration, formatRate, formatTimeLeft } from './format.ts';

describe('figures', () => {
  it('writes sizes in decimal units', () => {
    expect(
      [0, 999, 1000, 9_949, 98_362_432, 999_600_000, 4_100_000_000].map((bytes) => formatBytes(bytes, 'en')),
    ).toEqual(['0 B', '999 B', '1.0 KB', '9.9 KB', '98 MB', '1.0 GB', '4.1 GB']);
  });

  it('writes times in the unit that fits', () => {
    expect([0, 420, 999.6, 1500, 12_300, 120_000].map((ms) => formatDuration(ms, 'en'))).toEqual([
      '0 ms',
      '420 ms',
      '1.0 sec',
      '1.5 sec',
      '12 sec',
      '2 min',
    ]);
    expect([0.2, 7, 89.5, 90, 600].map((seconds) => formatTimeLeft(seconds, 'en'))).toEqual([
      '1 sec',
      '7 sec',
      '90 sec',
      '2 min',
      '10 min',
    ]);
  });

  it('writes rates with a decimal below a hundred', () => {
    expect([0, 24.13, 99.96, 512.4].map((rate) => formatRate(rate, 'en'))).toEqual(['0.0', '24.1', '100', '512']);
  });
});

describe('ageOf', () => {
  const now = new Date(2026, 10, 24, 9, 0).getTime();
  it.each([
    [new Date(2026, 10, 24, 0, 0), 'today'],
    [new Date(2026, 10, 23, 23, 59), 'yesterday'],
    [new Date(2026, 10, 23, 0, 0), 'yesterday'],
    [new Date(2026, 10, 22, 23, 59), 'week'],
    [new Date(2026, 10, 17, 0, 0), 'week'],
    [new Date(2026, 10, 16, 23, 59), 'older'],
  ] as const)('%s is %s', (date, age) => {
    expect(ageOf(date.getTime(), now)).toBe(age);
  });
});
