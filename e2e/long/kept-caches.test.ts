/**
 * A chat of 1,500 tokens with the starter, after a reload: its kept cache against reading it again. `npm run test:long -- caches`, or with a filter for
 * one backend: `npx vitest run --project long e2e/long/kept-caches.test.ts -t WebNN`.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Page } from 'playwright';
import {
  ask,
  expectClean,
  GREEDY,
  launchApp,
  newChat,
  PATIENCE_MS,
  readAnswer,
  serveApp,
  type AppServer,
} from '../support/app.ts';
import { inspect } from '../support/inspect.ts';
import { damageKeptCaches, keptCaches } from '../support/kept-cache-access.ts';

const MOST_OF_READING = 0.15;
const TOKENS = 1_500;
/** Tokens of the starter to a sentence below. */
const TEXT = Array.from(
  { length: 54 },
  (_, i) =>
    `Day ${i + 1}: we walked ${3 + (i % 7)} miles along the river, saw ${i % 5} herons, and slept near the old mill.`,
).join('\n');
const QUESTION = 'On which day did they see no herons for the first time?';
const BACKENDS = [
  ['WASM', 'wasm'],
  ['WebNN', 'webnn'],
] as const;

let server: AppServer;

beforeAll(async () => {
  server = await serveApp();
});
afterAll(() => server.close());

/** Milliseconds to the first token of the reply that was stored last. */
async function firstTokenMs(page: Page): Promise<number> {
  const { conversations } = await inspect(page);
  const stats = conversations.flatMap(({ messages }) => messages).findLast(({ reply }) => reply?.stats)?.reply?.stats;
  return stats!.timeToFirstTokenMs;
}

it.each(BACKENDS)(
  '%s: answers in a fraction of the time, with the same tokens',
  { timeout: 1_800_000 },
  async (name, backend) => {
    const session = await launchApp({ ...GREEDY, backend, contextLength: 4096 }, { gpu: backend === 'webnn' });
    const { page } = session;
    const kept = async (least: number) =>
      expect
        .poll(async () => (await keptCaches(page))[0]?.tokens ?? 0, { timeout: PATIENCE_MS })
        .toBeGreaterThanOrEqual(least);
    try {
      await page.goto(server.url);
      await page.getByRole('button', { name: /^Download/ }).click();
      await newChat(page);
      const first = await ask(page, TEXT);
      expect(first.promptTokens).toBeGreaterThanOrEqual(TOKENS);
      await kept(first.promptTokens);

      await page.reload();
      const restored = await ask(page, QUESTION);
      const restoredMs = await firstTokenMs(page);
      expect(restored.prefilledTokens).toBeLessThan(64);

      await kept(restored.promptTokens);
      const [cache] = await damageKeptCaches(page);
      const { bytes, tokens } = cache!;
      await page.reload();
      const last = page.getByRole('log').getByRole('article', { name: 'Reply' }).last();
      await last.getByRole('button', { name: 'Regenerate' }).click();
      await last.getByLabel('Version 2 of 2').waitFor();
      const reread = await readAnswer(page, last);
      const rereadMs = await firstTokenMs(page);
      expect(reread.prefilledTokens).toBe(reread.promptTokens);
      expect(reread.text).toBe(restored.text);
      console.log(
        `${name}: first token of ${restored.promptTokens} tokens ${Math.round(restoredMs)} ms from the kept cache, ${Math.round(rereadMs)} ms read again: ` +
          `${(restoredMs / rereadMs).toFixed(3)}x; ${((bytes / tokens) * 1e-3).toFixed(1)} MB for 1,000 tokens`,
      );
      expect(restoredMs / rereadMs).toBeLessThan(MOST_OF_READING);
      expectClean(session);
    } finally {
      await session.close();
    }
  },
);
