import { describe, expect, it } from 'vitest';
import { parseResult } from './result.ts';
import { result, row } from './testing/results.ts';

const parse = (value: unknown) => () => parseResult(JSON.stringify(value));
const changed = (change: object) => ({ ...result(), ...change });

describe('parseResult', () => {
  it('reads back what the page writes', () => {
    const whole = result([
      row(),
      {
        label: 'WebGPU',
        backend: 'webgpu',
        asked: row().asked,
        form: 'auto',
        absent: 'WebGPU: this browser has no navigator.gpu.',
      },
    ]);
    expect(parseResult(JSON.stringify(whole))).toEqual(whole);
  });

  it('holds the largest run that an address may ask for', () => {
    const trace = { promptTokens: 1, arrivals: [[1, 1, 1]] as [number, number, number][] };
    const largest = row({
      traces: Array.from({ length: 8 * 100 }, () => trace),
      reply: Array.from({ length: 4096 }, (_, i) => [i, 'x'] as [number, string]),
    });
    expect(parseResult(JSON.stringify(result([largest]))).rows).toEqual([largest]);
  });

  it('opens results of version 1, which had neither tests nor traces', () => {
    const { tests, tasks, coldStart, battery, order, pausedMs, otherModel, notes, traces, ...old } = row();
    expect([tests, traces].every(({ length }) => length > 0)).toBe(true);
    const { source, ...whole } = result();
    expect(source).toBeNull();
    const first = { ...whole, version: 1, rows: [old, { ...old, label: 'x', absent: 'no adapter' }] };
    const read = parseResult(JSON.stringify(first));
    expect(read).toMatchObject({ version: 2, source: null });
    expect(read.rows[0]).toEqual({
      ...row(),
      ...{ tests: [], tasks: [], coldStart: null, order: null, pausedMs: null, traces: [] },
      ...{ battery, otherModel, notes },
    });
    expect([tasks, battery, otherModel, notes, coldStart?.ms, order, pausedMs]).toEqual([
      [],
      null,
      false,
      [],
      2400,
      1,
      0,
    ]);
    expect(read.rows[1]).toMatchObject({ label: 'x', absent: 'no adapter' });
    expect(() => parseResult(JSON.stringify({ ...first, rows: 'none' }))).toThrow(/rows/);
    expect(() => parseResult(JSON.stringify({ ...first, rows: [null] }))).toThrow(/rows\.0/);
  });

  it('drops what the schema does not name', () => {
    const read = parseResult(
      JSON.stringify({ ...result(), owner: 'somebody', machine: { ...result().machine, serial: '123' } }),
    );
    expect(read).toEqual(result());
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    const json = JSON.stringify(result()).replace('{', '{"__proto__":{"polluted":1},');
    expect(Object.hasOwn(parseResult(json), '__proto__')).toBe(false);
    expect((parseResult(json) as unknown as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['not JSON', '{"format":', /not JSON/],
    ['another file', '{"name":"x"}', /its "format" is not/],
    ['an array', '[]', /its "format" is not/],
    ['nothing', 'null', /its "format" is not/],
    ['a later version', JSON.stringify(changed({ version: 3 })), /version 3 .* reads versions 1 and 2/],
  ])('refuses %s', (_what, json, message) => {
    expect(() => parseResult(json)).toThrow(message);
  });

  it.each<[string, unknown, RegExp]>([
    [
      'an infinite figure',
      { rows: [row({ ttftMs: { median: 1e300, spread: 0, rounds: 3 } })] },
      /rows\.0\.ttftMs\.median/,
    ],
    ['a negative figure', { rows: [row({ ttftMs: { median: -1, spread: 0, rounds: 3 } })] }, /rows\.0\.ttftMs\.median/],
    ['text in place of a figure', { rows: [{ ...row(), graphs: '<b>1</b>' }] }, /rows\.0\.graphs/],
    ['a row without figures', { rows: [{ label: 'x' }] }, /rows\.0/],
    ['too many rows', { rows: Array.from({ length: 100 }, () => row()) }, /rows/],
    ['a novel for a name', { model: { ...result().model, name: 'x'.repeat(10_000) } }, /model\.name/],
    [
      'a reply without end',
      { rows: [row({ reply: Array.from({ length: 5_000 }, () => [1, 'x'] as [number, string]) })] },
      /rows\.0\.reply/,
    ],
    [
      'an agreement above 1',
      { rows: [row({ agreement: { ...row().agreement!, atGap07: { equal: 2, steps: 1, share: 2 } } })] },
      /share/,
    ],
    [
      'a trace without end',
      {
        rows: [
          row({ traces: [{ promptTokens: 1, arrivals: Array(5_000).fill([1, 1, 1]) as [number, number, number][] }] }),
        ],
      },
      /rows\.0\.traces/,
    ],
    ['a test that llama-bench has not', { rows: [{ ...row(), tests: [{ ...row().tests[0], kind: 'xx' }] }] }, /tests/],
    ['a date of somebody’s own', { date: '<script>' }, /date/],
  ])('names what is wrong with %s', (_what, change, message) => {
    expect(parse(changed(change as object))).toThrow(message);
  });
});
