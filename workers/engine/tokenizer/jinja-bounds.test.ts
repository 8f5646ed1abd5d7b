import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { itIf } from '../../testing/it-if.ts';
import { cpuMs, expectWithin } from '../../testing/timing.ts';
import { parseJinja } from './jinja.ts';
import { sharedCases } from './testing/shared-cases.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** A process that has done nothing yet holds about 40 MB with the compiler of TypeScript in it; 64 MB more are allowed. */
const HEAP_MB = 40 + 64;
const MAX_MS = 2000;

interface Run {
  name: string;
  ms?: number;
  end?: string;
}

describe('the largest values that a template may have', () => {
  it('every global, filter, method and operator ends within 64 MB', { timeout: 600_000 }, async () => {
    const script = join(import.meta.dirname, 'testing/largest-values.ts');
    // The first run fills the cache of compiled TypeScript, so that compiling it does not count among the 64 MB.
    await promisify(execFile)(process.execPath, ['--import', 'tsx', script, '--only-load'], { cwd: ROOT });
    const args = [`--max-old-space-size=${HEAP_MB}`, '--max-semi-space-size=8', '--import', 'tsx', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 1 << 26 }).catch(
      (error: unknown) => error as { stdout: string },
    );
    const runs = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Run);
    const ended = runs.filter(({ ms }) => ms !== undefined);
    // The last one that began and did not end took the process along.
    expect(runs.at(-1)).toHaveProperty('end');
    expect(ended.length).toBeGreaterThan(800);
    for (const { name, ms } of ended) expectWithin(ms!, MAX_MS, name);
    expect(ended.filter(({ end }) => end === 'rendered').length).toBeGreaterThan(200);
  });

  it('leaves out nothing that the library knows', async () => {
    const { FILTERS, FILTER_CALLS, METHODS, METHOD_CALLS } = await import('./testing/large-expressions.ts');
    const source = readFileSync(join(ROOT, 'node_modules/@huggingface/jinja/src/runtime.ts'), 'utf8');
    const from = source.indexOf('private applyFilter');
    const filters = source.slice(from, source.indexOf('private evaluateFilterExpression', from));
    const names = [...filters.matchAll(/case "(\w+)":|filter(?:Name|\.value) === "(\w+)"/g)].map(
      ([, a, b]) => (a ?? b)!,
    );
    const known = [
      ...FILTERS,
      ...METHODS,
      ...[...FILTER_CALLS, ...METHOD_CALLS].map((text) => /^\w+/.exec(text)?.[0] ?? ''),
    ];
    // ES-style case labels of types are none of the names.
    expect([...new Set(names)].filter((name) => !known.includes(name))).toEqual([]);
    const methods = [...source.slice(0, from).matchAll(/\[\s*"(\w+)",\s*(?:\/\/[^\n]*\s*)*new FunctionValue/g)].map(
      ([, name]) => name!,
    );
    expect(methods.length).toBeGreaterThan(10);
    expect([...new Set(methods)].filter((name) => name !== 'namespace' && !known.includes(name))).toEqual([]);
  });
});

it('a date in a very long format is refused', () => {
  const source =
    "{% set ns=namespace(s='%B%A%b%a') %}{% for i in range(12) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ strftime_now(ns.s) }}";
  const started = cpuMs();
  expect(() => parseJinja(source).render({})).toThrow(/asks for a date in 32768 characters/);
  expectWithin(cpuMs() - started, 1000);
});

const hang = sharedCases<string>('freeze/strftime-hang.jinja');
itIf(hang !== null)('the template beside the repository ends', () => {
  const started = cpuMs();
  expect(() => parseJinja(hang!).render({ messages: [{ role: 'user', content: 'hi' }] })).toThrow(/chat template/);
  expectWithin(cpuMs() - started, 1000);
});
