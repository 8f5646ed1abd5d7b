/** A native row against a real server: llama.cpp with the starter's own file, on loopback, and llama-bench of the same build. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { figure } from '../../src/compare/figure.ts';
import { openResult } from '../../src/compare/foreign/open.ts';
import { testName } from '../../src/compare/plan.ts';
import { launchApp, serveApp, type AppServer } from '../support/app.ts';
import { chooseBackends, measured, openCompare, runComparison } from '../support/compare-page.ts';
import { runLlamaBench, startLlamaServer, type LlamaServer } from '../support/llama-server.ts';
import { joinStarter, type StarterFile } from '../support/starter-file.ts';

const TOLERANCE = 0.1;
/** llama-bench has neither HTTP nor sampling. */
const BENCH_TOLERANCE = 0.15;
/** One, because threads of llama.cpp wait for each other in a loop: where other programs use the cores, two take minutes for a prompt. */
const THREADS = 1;
/**
 * The page and llama-bench take turns, and the fastest round of each counts: other programs make rounds slower, and by how much changes from minute to
 * minute.
 */
const TURNS = 5;
const TIMEOUT_MS = 1_800_000;

let file: StarterFile;
let llama: LlamaServer;
let server: AppServer;

beforeAll(async () => {
  file = await joinStarter();
  llama = await startLlamaServer(file.path, THREADS);
  server = await serveApp();
});

afterAll(async () => {
  await server?.close();
  await llama?.close();
  await file?.remove();
});

/** The screen with llama.cpp’s server and no backend. */
async function openWithServer(page: Page): Promise<void> {
  await openCompare(page, server.url, 'prompts=128&tokens=32&rounds=3');
  await chooseBackends(page);
  const address = page.getByRole('textbox', { name: 'Address' });
  if (await address.isVisible()) return; // the page keeps servers that were measured
  await page.getByRole('button', { name: 'Add a server' }).click();
  await address.fill(llama.address);
  await page.getByRole('textbox', { name: 'Model, as the server names it' }).fill('starter');
}

const tokensOf = (arrivals: [number, number, number][]): number =>
  arrivals.reduce((sum, [, tokens]) => sum + tokens, 0);

/** The row of the page, its fastest rounds, and what llama.cpp printed of the same requests. */
async function rowAndOwn(page: Page) {
  llama.takeTimings();
  const [row] = measured(await runComparison(page));
  const own = llama.takeTimings();
  const [decode, ttftMs] = [own.decode, own.prefillMs].map((rounds) => {
    expect(rounds).toHaveLength(4);
    return figure(rounds.slice(1))!.median; // the warm-up round
  });
  const { traces, decodeTokensPerSecond, ttftMs: waited } = row!;
  return {
    toOwn: { decode: decodeTokensPerSecond!.median / decode!, ttft: waited!.median / ttftMs! },
    fastest: {
      prefill: Math.max(...traces.map(({ promptTokens, arrivals }) => (1000 * promptTokens) / arrivals[0]![0])),
      decode: Math.max(
        ...traces.map(({ arrivals: [first, ...rest] }) => (1000 * tokensOf(rest)) / (rest.at(-1)![0] - first![0])),
      ),
    },
  };
}

/** The fastest rounds in llama-bench's file of the same lengths, as the page opens it. */
async function bench() {
  const lines = [
    await runLlamaBench(file.path, THREADS, '-p', '128', '-n', '0'),
    await runLlamaBench(file.path, THREADS, '-p', '0', '-n', '32', '-d', '128'),
  ];
  const [row] = measured(await openResult(new File([lines.join('')], 'llama-bench.jsonl')));
  expect(row!.tests.map(testName)).toEqual(['pp128', 'tg32 @ d128']);
  const [prefill, decode] = row!.tests.map(({ samples }) => Math.max(...samples));
  return { prefill: prefill!, decode: decode! };
}

it('gives llama.cpp’s own figures within 10 %, and llama-bench’s within 15 %', { timeout: TIMEOUT_MS }, async () => {
  const session = await launchApp({ language: 'en', backend: 'wasm' });
  try {
    const { page } = session;
    const turns = [];
    for (let turn = 0; turn < TURNS; turn++) {
      await openWithServer(page);
      const row = await rowAndOwn(page);
      await page.goto('about:blank'); // after a run the page loads the chat’s model again
      turns.push({ ...row, bench: await bench() });
      console.log(JSON.stringify(turns.at(-1)));
    }
    for (const kind of ['decode', 'ttft'] as const)
      expect(Math.abs(figure(turns.map(({ toOwn }) => toOwn[kind]))!.median - 1), kind).toBeLessThan(TOLERANCE);
    for (const kind of ['prefill', 'decode'] as const) {
      const ratio =
        Math.max(...turns.map(({ fastest }) => fastest[kind])) / Math.max(...turns.map(({ bench }) => bench[kind]));
      console.log(`${kind}: the row has ${ratio.toFixed(3)} of llama-bench’s`);
      expect(Math.abs(ratio - 1), kind).toBeLessThan(BENCH_TOLERANCE);
    }
  } finally {
    await session.close();
  }
});
