/** A first visit and what follows, with the starter: one story, each test goes on where the one before ended. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright';
import {
  ask,
  expectClean,
  GREEDY,
  launchApp,
  newChat,
  send,
  sendButton,
  serveApp,
  stopButton,
  type Answer,
  type AppServer,
} from './support/app.ts';
import type { Session } from '../scripts/cli/browser/launch.ts';

const STARTER_SHARDS = 6;
/** A soft stop acts at the end of a run of tokens; busy machines are slow. */
const STOP_MS = 15_000;

let server: AppServer;
let session: Session;
let page: Page;
let first: Answer;
let second: Answer;

beforeAll(async () => {
  server = await serveApp();
  session = await launchApp({ ...GREEDY, maxTokens: 60 });
  page = session.page;
});
afterAll(async () => {
  await session.close();
  await server.close();
});

/**
 * Its reply has no step at which the two best tokens are less than 0.09 apart. How the tokens of a reply are grouped into runs, which depends on the time that they take, moves
 * logits by 0.02: "Explain what a neural processing unit is." has a step with 0.03 between "machine" and "neural".
 */
const QUESTION = 'List the months of the year.';

describe('chat with the starter', () => {
  it('explains itself on the first visit: model, size, licence and one button', async () => {
    await page.goto(server.url);
    const button = page.getByRole('button', { name: /^Download/ });
    await button.waitFor();
    expect(await button.count()).toBe(1);
    expect(await button.innerText()).toMatch(/\d+(\.\d+)? MB/);
    const text = await page.getByRole('main').innerText();
    expect(text).toContain('SmolLM2 135M');
    expect(text).toContain('Apache-2.0');
    expect(text).toContain('very small model');
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  it('downloads once and answers', async () => {
    await page.getByRole('button', { name: /^Download/ }).click();
    first = await ask(page, QUESTION);
    expect(first.text).toMatch(/January/);
    expect(first.prefilledTokens).toBe(first.promptTokens);
    expect([...server.shards].sort()).toEqual([...new Set(server.shards)].sort());
    expect(server.shards).toHaveLength(STARTER_SHARDS);
  });

  it('prefills only the new tokens of a second turn', async () => {
    second = await ask(page, 'Say that in five words.');
    expect(second.promptTokens).toBeGreaterThan(first.contextTokens);
    // The last token of a reply is chosen, but not fed; where a reply was cut off, it may be spelt together with the one before.
    expect(second.prefilledTokens).toBeLessThanOrEqual(second.promptTokens - first.contextTokens + 2);
    expect(second.prefilledTokens).toBeGreaterThan(3);
  });

  it('answers when the server is gone', async () => {
    const { port } = server;
    await server.close();
    // The page itself would come from the service worker.
    expect(
      await page.evaluate(() =>
        fetch('models/').then(
          () => 'there',
          () => 'gone',
        ),
      ),
    ).toBe('gone');
    const answer = await ask(page, 'What is two plus two?');
    expect(answer.text).not.toBe('');
    server = await serveApp({ port });
    expect(server.port).toBe(port);
  });

  it('answers after a reload without fetching a shard', async () => {
    await page.reload();
    await page.getByRole('log').getByText(QUESTION).waitFor();
    await newChat(page);
    const again = await ask(page, QUESTION);
    expect(server.shards).toEqual([]);
    // Greedy: the same question gets the same answer.
    expect(again.text).toBe(first.text);
  });

  it('stops, and answers again afterwards', async () => {
    await page.evaluate((settings) => localStorage.setItem('phi-settings', JSON.stringify(settings)), {
      ...GREEDY,
      maxTokens: 2000,
    });
    await page.reload();
    await newChat(page);
    for (const message of ['Write a long story about a lighthouse.', 'Write another one about a ship.']) {
      const reply = await send(page, message);
      await reply
        .locator('.markdown')
        .getByText(/\w+ \w+/)
        .first()
        .waitFor();
      await stopButton(page).click();
      await sendButton(page).waitFor({ timeout: STOP_MS });
      expect(await reply.innerText()).toMatch(/Stopped\.$/m);
    }
  });

  it('reached no other host and logged no error', () => {
    expectClean(session, [/ERR_CONNECTION_REFUSED/]);
  });
});
