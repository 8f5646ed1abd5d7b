/** A file of 100 MB of chats in the built app: all of it arrives, once, and the page can be used meanwhile and afterwards. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { addMessage, newConversation, type Conversation } from '../../src/chat/conversation.ts';
import { exportJson } from '../../src/chat/transfer.ts';
import { expectClean, launchApp, serveApp, type AppServer } from '../support/app.ts';

const CHATS = 1_000;
const MESSAGES = 100;
const MESSAGE_CHARACTERS = 1_000;
const FILE_BYTES = 100e6;

let server: AppServer;
let session: Session;
let folder: string;

beforeAll(async () => {
  server = await serveApp();
  session = await launchApp();
  session.page.setDefaultTimeout(180_000);
  folder = await mkdtemp(join(tmpdir(), 'phi-import-'));
});
afterAll(async () => {
  await session.close();
  await server.close();
  await rm(folder, { recursive: true });
});

function chat(index: number): Conversation {
  let conversation: Conversation = { ...newConversation('', index), title: `Chat ${index}`, named: true };
  for (let at = 0; at < MESSAGES; at++) {
    const base = { id: `m${at}`, parent: conversation.tip, createdAt: index };
    const content = `word-${index}-${at}. `.padEnd(MESSAGE_CHARACTERS, 'and more of it ');
    conversation = addMessage(
      conversation,
      at % 2 === 0
        ? { ...base, role: 'user', content }
        : { ...base, role: 'assistant', content, reply: { state: 'done', seed: 1, model: 'Phi' } },
    );
  }
  return conversation;
}

type Ticking = Window & { ticks?: number };

it('is imported whole, found, opened and imported only once', async () => {
  const { page } = session;
  const text = exportJson(Array.from({ length: CHATS }, (_, index) => chat(index)));
  expect(text.length).toBeGreaterThan(FILE_BYTES);
  const file = join(folder, 'chats.json');
  await writeFile(file, text);
  await page.goto(`${server.url}#/settings`);
  const field = page.locator('input[type=file][accept*=json]');
  await field.waitFor({ state: 'attached' });
  await page.evaluate(() => {
    (window as Ticking).ticks = 0;
    setInterval(() => (window as Ticking).ticks!++, 10);
  });
  const started = performance.now();
  await field.setInputFiles(file);
  await page.getByText('1,000 chats imported').waitFor();
  console.info(
    `${(text.length / 1e6).toFixed(0)} MB imported in ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  // Not one long task: the page got its turn between them.
  expect(await page.evaluate(() => (window as Ticking).ticks!)).toBeGreaterThan(10);

  await page.reload();
  await page.getByRole('searchbox').fill('word-500-99.');
  await page.getByRole('link', { name: 'Chat 500', exact: true }).click();
  await page.getByRole('log').getByText('word-500-99.').waitFor();
  await page.goto(`${server.url}#/settings`);
  await field.setInputFiles(file);
  await page.getByText('1,000 were here already.').waitFor();
  expectClean(session);
});
