/**
 * A long conversation life with a tiny model on WASM, in the real page. What must not grow: the heaps of the page and of the worker, WebAssembly memory,
 * and the databases beyond the conversations themselves.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, expectClean, GREEDY, launchApp, newChat, serveTinyStarter, type AppServer } from '../support/app.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { watchEngineMemory, type EngineMemory } from '../support/memory-witness.ts';
import { inspect } from '../support/inspect.ts';

/** `npm test` takes a minute; `npm run test:soak` goes on for at least 500 turns and until 150,000 tokens are decoded: many replies end before their limit. */
const TURNS = Number(process.env.PHI_TURNS ?? 40);
const DECODED = Number(process.env.PHI_DECODED ?? 0);
const TOKENS = Number(process.env.PHI_TOKENS ?? 30);
const SAMPLES = 8;
/** The tiny model has a context of 512. */
const TURNS_PER_CHAT = Math.max(1, Math.floor(450 / (TOKENS + 30)));
/** Heap of one chat's entry in the list, as shown; and the normal variation of a page's heap. */
const CHAT_BYTES = 100_000;
const PAGE_SLACK_BYTES = 2e6;
/** WebAssembly memory grows by a fifth at a time, and prompts of new lengths fragment it for a while; a tensor kept per token would show many times over. */
const MOST_GROWTH = { worker: 0.2, wasm: 0.25 };
/** A database is written in whole pages and compacted when the browser pleases. */
const DATABASE_SLACK_BYTES = 16 * 2 ** 20;

interface Sample {
  turn: number;
  memory: EngineMemory;
  database: number;
  conversations: number;
}

let server: AppServer;
let session: Session;

beforeAll(async () => {
  server = await serveTinyStarter();
  session = await launchApp({ ...GREEDY, maxTokens: TOKENS });
});
afterAll(async () => {
  await session.close();
  await server.close();
});

it(`grows no more than its conversations over ${TURNS} turns of ${TOKENS} tokens`, { timeout: 7_200_000 }, async () => {
  const { page } = session;
  const measure = await watchEngineMemory(page);
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download/ }).click();
  const samples: Sample[] = [];
  let decoded = 0;
  const start = performance.now();
  for (let turn = 1; samples.length < SAMPLES; turn++) {
    if ((turn - 1) % TURNS_PER_CHAT === 0) await newChat(page);
    const { promptTokens, contextTokens } = await ask(page, `Message ${turn}: tell me more.`);
    decoded += contextTokens - promptTokens;
    const progress = Math.min(turn / TURNS, DECODED === 0 ? 1 : decoded / DECODED);
    if (progress * SAMPLES < samples.length + 1) continue;
    const memory = await measure();
    const database = await page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
    samples.push({ turn, memory, database, conversations: JSON.stringify((await inspect(page)).conversations).length });
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    console.info(
      `turn ${turn}, ${decoded} tokens, ${Math.round((performance.now() - start) / 1000)} s: page ${megabytes(memory.page)}, worker ${megabytes(memory.worker)} ` +
        `with ${memory.arrays} arrays, WebAssembly ${megabytes(memory.wasm)}, database ${megabytes(database)}`,
    );
  }
  const first = samples[1]!; // the one before still warms up
  const last = samples.at(-1)!;
  expect(last.memory.page - first.memory.page, 'growth of the page').toBeLessThan(
    PAGE_SLACK_BYTES + (CHAT_BYTES * last.turn) / TURNS_PER_CHAT,
  );
  for (const part of ['worker', 'wasm'] as const) {
    expect(last.memory[part] / first.memory[part] - 1, `growth of the ${part}`).toBeLessThanOrEqual(MOST_GROWTH[part]);
  }
  expect(last.memory.arrays, 'live tensors').toBeLessThanOrEqual(first.memory.arrays);
  // A conversation is written at every turn: once as it is, and for a while as it was.
  expect(last.database - first.database - 4 * (last.conversations - first.conversations)).toBeLessThan(
    DATABASE_SLACK_BYTES,
  );
  expectClean(session);
});
