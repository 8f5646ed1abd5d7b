/** A native row against a real server: llama.cpp with the starter's own file, on loopback, and llama-bench of the same build. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { figure } from '../../src/compare/figure.ts';
import { openResult } from '../../src/compare/foreign/open.ts';
import { testName } from '../../src/compare/plan.ts';
import { launchApp, serveApp, type AppServer } from '../support/app.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { chooseBackends, measured, openCompare, runComparison } from '../support/compare-page.ts';
import { runLlamaBench, startLlamaServer, type LlamaServer } from '../support/llama-server.ts';
import { joinStarter, type StarterFile } from '../support/starter-file.ts';

const TOLERANCE = 0.1;
/** llama-bench has neither HTTP nor sampling. */
const BENCH_TOLERANCE = 0.15;
const THREADS = 2;

let file: StarterFile;
let llama: LlamaServer;
let server: AppServer;
let session: Session;

beforeAll(async () => {
  file = await joinStarter();
  llama = await startLlamaServer(file.path, THREADS);
  server = await serveApp();
  session = await launchApp({ language: 'en', backend: 'wasm' });
});

afterAll(async () => {
  await session?.close();
  await server?.close();
  await llama?.close();
  await file?.remove();
});

it('gives llama.cpp’s own figures within 10 %, and llama-bench’s within 15 %', async () => {
  const { page } = session;
  await openCompare(page, server.url, 'prompts=256&tokens=48&rounds=5');
  await chooseBackends(page, 'WASM threads');
  await page.getByRole('button', { name: 'Add a server' }).click();
  await page.getByRole('textbox', { name: 'Address' }).fill(llama.address);
  await page.getByRole('textbox', { name: 'Model, as the server names it' }).fill('starter');
  llama.takeTimings();
  const [tab, native] = measured(await runComparison(page));
  const own = llama.takeTimings();
  expect(own.decode).toHaveLength(6);
  const decode = figure(own.decode.slice(1))!.median;
  const prefillMs = figure(own.prefillMs.slice(1))!.median;
  const shown = [tab!, native!].map(({ label, decodeTokensPerSecond, prefillTokensPerSecond, ttftMs }) => ({
    label,
    decode: decodeTokensPerSecond!.median,
    prefill: prefillTokensPerSecond!.median,
    ttftMs: ttftMs!.median,
  }));
  console.log({ shown, llama: { decode, prefillMs } });
  expect(Math.abs(native!.decodeTokensPerSecond!.median / decode - 1)).toBeLessThan(TOLERANCE);
  expect(Math.abs(native!.ttftMs!.median / prefillMs - 1)).toBeLessThan(TOLERANCE);
  const [read, written] = [
    await runLlamaBench(file.path, THREADS, '-p', '256', '-n', '0'),
    await runLlamaBench(file.path, THREADS, '-p', '0', '-n', '48', '-d', '256'),
  ];
  const [bench] = measured(await openResult(new File([read, written], 'llama-bench.jsonl')));
  const rates = new Map(bench!.tests.map((test) => [testName(test), test.tokensPerSecond.median]));
  console.log({ bench: Object.fromEntries(rates) });
  expect([...rates.keys()]).toEqual(['pp256', 'tg48 @ d256']);
  expect(Math.abs(native!.prefillTokensPerSecond!.median / rates.get('pp256')! - 1)).toBeLessThan(BENCH_TOLERANCE);
  expect(Math.abs(native!.decodeTokensPerSecond!.median / rates.get('tg48 @ d256')! - 1)).toBeLessThan(BENCH_TOLERANCE);
});
