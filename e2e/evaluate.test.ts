/** The evaluation command as people call it: exit status, JSON, and what it says. */
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIST, ROOT } from '../scripts/build/app.ts';
import type { EvaluateReport } from '../scripts/cli/evaluate/check.ts';
import { folder as modelFolder, needFixture, pathOf, readExpected } from './support/fixtures.ts';

const MODEL = needFixture('phi/phi4-mini/gguf/q8_0.gguf');
const CASES = 'phi/phi4-mini/gguf/q8_0.expected.json';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phi-evaluate-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function evaluate(...args: string[]): Promise<{ status: number; output: string; report: EvaluateReport | null }> {
  const json = join(folder, 'out.json');
  await rm(json, { force: true });
  const { status, output } = await new Promise<{ status: number; output: string }>((resolve) => {
    execFile(
      process.execPath,
      ['--import', 'tsx', 'scripts/cli/evaluate.ts', ...args, '--json', json],
      { cwd: ROOT },
      (error, stdout, stderr) => {
        resolve({ status: error ? Number(error.code) : 0, output: stdout + stderr });
      },
    );
  });
  const text = await readFile(json, 'utf8').catch(() => null);
  return { status, output, report: text === null ? null : (JSON.parse(text) as EvaluateReport) };
}

it('is no part of the app', async () => {
  const shipped = await readdir(DIST, { recursive: true });
  expect(shipped).toContain('index.html');
  expect(shipped.filter((name) => name.includes('evaluate'))).toEqual([]);
});

describe('npm run evaluate', () => {
  it('measures how well a model keeps to a form and calls tools, with the constraint and without', async () => {
    const schemas = join(folder, 'schemas.json');
    const schema = { type: 'object', properties: { a: { enum: [1, 2] } }, required: ['a'] };
    const refused = { type: 'array', uniqueItems: true };
    await writeFile(
      schemas,
      JSON.stringify({
        cases: [
          { prompt: 'One.', schema },
          { prompt: 'Two.', schema: refused },
        ],
      }),
    );
    const tools = join(folder, 'tools.json');
    const roll = { name: 'roll', description: 'Rolls.', parameters: schema };
    await writeFile(tools, JSON.stringify({ tools: [roll], cases: [{ prompt: 'Roll!', call: 'roll' }] }));
    const { status, output, report } = await evaluate(
      '--model',
      MODEL,
      '--schema',
      schemas,
      '--tools',
      tools,
      '--tokens',
      '24',
    );
    expect(output).toContain('with the constraint: 1 of 1 valid');
    expect(output).toContain('case 2 refused');
    expect(output).toContain('"uniqueItems"');
    expect(report).toMatchObject({
      passed: true,
      schema: { constrained: { count: 1, valid: 1 }, free: { count: 1 } },
      tools: { constrained: { count: 1, valid: 1 }, free: { count: 1 } },
    });
    expect(status).toBe(0);
  });

  it('passes a sound model, says what was not checked, and scores a text', async () => {
    const text = join(folder, 'text.txt');
    await writeFile(text, 'hello hello world');
    const { status, output, report } = await evaluate(
      '--model',
      MODEL,
      '--cases',
      needFixture(CASES),
      '--text',
      text,
      '--form',
      'float32',
      '--tolerance',
      '0.02',
    );
    expect(output).toContain('not checked: argmax_all, logprob_gap');
    expect(report).toMatchObject({
      passed: true,
      tolerance: 0.02,
      engine: { backend: 'wasm', form: 'float32' },
      error: null,
    });
    expect(report!.cases).toHaveLength(4);
    expect(report!.cases[0]!.logits!.largest).toBeLessThan(0.02);
    expect(report!.text!.meanNll).toBeGreaterThan(0);
    expect(status, output).toBe(0);
  });

  it('checks a mixture of experts like any other model', async () => {
    const mixture = modelFolder('phi-moe');
    const { status, output, report } = await evaluate(
      '--model',
      pathOf(mixture),
      '--cases',
      needFixture(mixture.expected),
      '--form',
      'float32',
      '--tolerance',
      '0.02',
    );
    expect(report, output).toMatchObject({ passed: true, engine: { backend: 'wasm', form: 'float32' }, error: null });
    expect(report!.cases.map(({ greedy }) => greedy?.equal)).toEqual([16, 16, 16, 16]);
    expect(status, output).toBe(0);
  });

  it('exits 1 past the tolerance', async () => {
    const expected = readExpected(CASES);
    expected.cases = expected.cases.slice(0, 1);
    expected.cases[0]!.last_logits![3]! += 0.5;
    const cases = join(folder, 'moved.json');
    await writeFile(cases, JSON.stringify(expected));
    const { status, report } = await evaluate('--model', MODEL, '--cases', cases, '--form', 'float32');
    expect(status).toBe(1);
    expect(report!.cases[0]!.problems).toEqual([expect.stringContaining('token 3')]);
  });

  it('exits 2 where there is nothing to check or nothing to run', async () => {
    const nothing = join(folder, 'nothing.json');
    await writeFile(nothing, JSON.stringify({ cases: [{ input_ids: [1, 2] }] }));
    expect(await evaluate('--model', MODEL, '--cases', nothing)).toMatchObject({
      status: 2,
      report: { error: expect.stringContaining('nothing to check') as string },
    });

    const garbage = join(folder, 'garbage.gguf');
    await writeFile(garbage, 'GGUF, but not really');
    const broken = await evaluate('--model', garbage, '--cases', needFixture(CASES));
    expect(broken).toMatchObject({ status: 2, report: { passed: false, cases: [] } });
    expect(broken.report!.error).toContain('garbage.gguf');

    await copyFile(MODEL, join(folder, 'second.gguf'));
    const ambiguous = await evaluate('--model', folder, '--cases', needFixture(CASES));
    expect(ambiguous.status).toBe(2);
    expect(ambiguous.report!.error).toContain('garbage.gguf, second.gguf');
  });
});
