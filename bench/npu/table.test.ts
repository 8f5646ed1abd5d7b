import { describe, expect, it } from 'vitest';
import { readVerdict } from './intel.ts';
import type { NpuRow } from './rows.ts';
import { decodeRate, timeToFirst, withRows } from './table.ts';

const row = (width: number, estimatedMs: number | null): NpuRow => ({
  model: 'm',
  form: 'int8',
  width,
  slots: 1024,
  device: 'intel-5010',

  pieces: 10,
  whole: estimatedMs !== null,
  refused: [],
  blobBytes: 0,
  compileMs: 0,
  estimatedMs,
});

describe('what rows come to', () => {
  it('counts runs of the widest graph and one of the narrowest', () => {
    const rows = [row(128, 4), row(16, 1)];
    expect(decodeRate(rows[1]!)).toBe(100);
    expect(timeToFirst(rows, 10)).toBe(10);
    expect(timeToFirst(rows, 40)).toBe(50);
    expect(timeToFirst(rows, 512)).toBe(170);
  });

  it('takes the place of older rows of the same graph and device', () => {
    const table = { date: '2026-12-01', versions: {}, rows: [row(16, 1), row(128, 4)] };
    expect(withRows(null, table)).toEqual(table);
    expect(withRows(table, { ...table, date: '2026-12-02', rows: [row(16, 2)] })).toEqual({
      date: '2026-12-02',
      versions: {},
      rows: [row(128, 4), row(16, 2)],
    });
  });

  it('says nothing where nothing was estimated', () => {
    expect(decodeRate(row(16, null))).toBeNull();
    expect(timeToFirst([row(16, null)], 40)).toBeNull();
  });
});

describe("the compiler's log", () => {
  it('gives the estimate of a graph that was taken', () => {
    const log =
      'noise\nEstimated inference latency: 1234.5 us\nRESULT {"failed":null,"message":"","compileMs":812.4}\n';
    expect(readVerdict(log, 77, null)).toEqual({
      whole: true,
      refused: [],
      blobBytes: 77,
      compileMs: 812,
      estimatedMs: 1.2345,
    });
  });

  it('gives the reason for one that was not', () => {
    const log =
      '[ERROR] 1 [vpux-compiler] failed to legalize unresolved materialization\nRESULT {"failed":"compile","message":"long","compileMs":0}';
    expect(readVerdict(log, 0, null)).toMatchObject({
      whole: false,
      refused: [expect.stringContaining('failed to legalize')],
    });
    expect(readVerdict('crash', 0, null).refused[0]).toContain('crash');
    expect(readVerdict('', 0, 60).refused[0]).toContain('60 s');
  });
});
