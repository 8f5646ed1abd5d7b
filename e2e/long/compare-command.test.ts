/** `npm run compare` as people call it: a run that was killed goes on, and one that the page refuses ends at once with its words. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../../scripts/build/app.ts';
import { testName } from '../../src/compare/plan.ts';
import { isMeasured, parseResult } from '../../src/compare/result.ts';
import { measured } from '../support/compare-page.ts';
import { killProfile } from '../support/kill-browser.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phi-compare-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

interface Command {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

function compare(...args: string[]): Command {
  const child = spawn(process.execPath, ['--import', 'tsx', 'scripts/cli/compare.ts', ...args], { cwd: ROOT });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, output: () => output, ended };
}

const MEASURES = '--model tiny --in-order --prompts 16 --tokens 4 --pp 16 --tg 4 --depths 0'.split(' ');

it('goes on with a profile whose run was killed', async () => {
  const [profile, json] = [join(folder, 'profile'), join(folder, 'out.json')];
  const args = [...MEASURES, '--backends', 'wasm-threads,wasm-single', '--profile', profile, '--json', json];
  // It says every 15 s which row is measured; in the pause the second is being waited for.
  const first = compare(...args, '--pause', '300');
  await expect.poll(first.output, { timeout: 180_000, interval: 500 }).toContain('WASM single (2 of 2)');
  first.child.kill('SIGKILL');
  await killProfile(profile);
  await first.ended;
  const second = compare(...args);
  expect(await second.ended, second.output()).toBe(0);
  expect(second.output()).toContain('An earlier run broke off here.');
  const rows = measured(parseResult(await readFile(json, 'utf8')));
  expect(rows.map(({ label }) => label)).toEqual(['WASM threads', 'WASM single']);
});

it('measures a mixture of experts on WASM and WebGPU, and says why not on WebNN', async () => {
  const json = join(folder, 'experts.json');
  const args = ['--model', 'e2e/fixtures/phi/phi-moe', '--backends', 'webnn-cpu,webgpu,wasm-threads', '--json', json];
  const run = compare(...args, ...'--prompts 16 --tokens 4 --pp 16 --tg 4 --depths 0,64'.split(' '));
  expect(await run.ended, run.output()).toBe(0);
  const [webnn, ...rows] = parseResult(await readFile(json, 'utf8')).rows;
  expect(webnn).toMatchObject({
    label: 'WebNN CPU',
    absent: expect.stringMatching(/^WebNN: a mixture of experts/) as string,
  });
  expect(rows.filter(isMeasured).map(({ label, otherModel }) => [label, otherModel])).toEqual([
    ['WebGPU', false],
    ['WASM threads', false],
  ]);
  for (const row of rows.filter(isMeasured)) {
    expect(row.tests.map(testName)).toEqual(['pp16', 'tg4', 'pp16 @ d64', 'tg4 @ d64']);
    // Random weights in 8 bits: now and then another of two experts, or tokens, that are nearly as good.
    expect(row.agreement!.atGap07.share, row.label).toBeGreaterThan(0.9);
  }
});

it('ends with the words of the page where it refuses a run', async () => {
  const refused = compare(
    ...MEASURES,
    '--backends',
    'wasm-single',
    '--server',
    'http://192.168.1.5:8080/v1',
    '--server-model',
    'x',
  );
  expect(await refused.ended, refused.output()).toBe(2);
  expect(refused.output()).toContain('is not on this device');
  expect(await compare('--machine', 'Laptop').ended).toBe(2);
});
