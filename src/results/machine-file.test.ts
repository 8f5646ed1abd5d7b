import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { laptop } from '../compare/testing/example.ts';
import { result, row } from '../compare/testing/results.ts';
import { fileNameOf, isSoftware, machineFile, parseMachine } from './machine-file.ts';

const FOLDER = join(import.meta.dirname, '../../results');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

describe('results/', () => {
  it('has one valid file a machine, named after it', () => {
    const machines = files.map((name) => ({ name, ...parseMachine(readFileSync(join(FOLDER, name), 'utf8')) }));
    for (const { name, machine } of machines) expect(name).toBe(fileNameOf(machine.name));
    const names = machines.map(({ machine }) => machine.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, errata, results } of machines)
      for (const { date, label } of errata.flatMap(({ leftOut }) => leftOut))
        expect(
          results.some((one) => one.date === date && one.rows.some((row) => row.label === label)),
          `${name}: no row ${label} of ${date}, which an erratum leaves out`,
        ).toBe(true);
  });
});

describe('a machine’s file', () => {
  it('is read back as it was made, old results too', () => {
    const file = machineFile(' Surface Laptop 7 ', '', laptop());
    expect(file.machine).toEqual({ name: 'Surface Laptop 7', software: false, note: null });
    expect(parseMachine(JSON.stringify(file))).toEqual(file);
    const { source, ...whole } = result();
    expect(source).toBeNull();
    const old = { ...file, results: [{ ...whole, version: 1 }] };
    expect(parseMachine(JSON.stringify(old)).results[0]).toMatchObject({ version: 2, source: null });
  });

  it.each<[string, unknown, RegExp]>([
    ['is of another kind', result(), /damaged at "format"/],
    ['has no name', { ...machineFile('  ', '', result()) }, /machine\.name/],
    ['has no result', { ...machineFile('x', '', result()), results: [] }, /results/],
    [
      'has a hostile row',
      machineFile('x', '', result([row({ ttftMs: { median: -1, spread: 0, rounds: 3 } })])),
      /results\.0/,
    ],
    [
      'has an erratum without a day',
      { ...machineFile('x', '', result()), errata: [{ date: 'now', text: '', leftOut: [] }] },
      /errata/,
    ],
  ])('is refused when it %s', (_what, value, message) => {
    expect(() => parseMachine(JSON.stringify(value))).toThrow(message);
  });

  it('is refused when it is no JSON or too large', () => {
    expect(() => parseMachine('{')).toThrow(/not JSON/);
    expect(() => parseMachine(' '.repeat(34_000_000))).toThrow(/limit for one machine is 32 MB/);
  });

  it('is marked as software by its adapter and by what ran', () => {
    const on = (adapter: string | null, ...rows: Parameters<typeof result>[0] & object) =>
      isSoftware({ ...result(rows), machine: { ...result().machine, adapter } });
    expect(on('SwiftShader driver', row())).toBe(true);
    expect(on(null, row())).toBe(true);
    expect(on('intel xe-2lpg', row())).toBe(false);
    expect(on(null, row({ kind: 'npu' }))).toBe(false);
  });

  it('has a name that every file system takes', () => {
    expect(fileNameOf('Surface Laptop 7, X1E (16 GB)')).toBe('surface-laptop-7-x1e-16-gb.json');
    expect(fileNameOf('東京')).toBe('machine.json');
  });
});
