/**
 * This version opens the data that version 0.1 left in a browser (a recording, see scripts/make/record-store.ts): every chat, the model with its weights,
 * the settings and the allowed servers are there, and nothing is downloaded.
 */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Conversation, Message } from '../src/chat/conversation.ts';
import { ask, expectClean, launchApp, messageBox, newChat, serveApp, type AppServer } from './support/app.ts';
import type { Session } from '../scripts/cli/browser/launch.ts';
import { needFixture } from './support/fixtures.ts';
import { readRecordedStore, recordsOf, restoreStore, type RecordedStore } from './support/recorded-store.ts';

let recorded: RecordedStore;
let server: AppServer;
let session: Session;
let page: Page;

beforeAll(async () => {
  recorded = await readRecordedStore(needFixture('store-0.1/store.br'));
  server = await serveApp();
  // No settings of the tests: those of the recording count.
  session = await launchApp(JSON.parse(recorded.localStorage['phi-settings']!) as object);
  page = session.page;
  await restoreStore(page, server.url, recorded);
  await page.goto(server.url);
});
afterAll(async () => {
  await session.close();
  await server.close();
});

const list = () => page.getByRole('navigation');
const log = () => page.getByRole('log', { name: 'Conversation' });

/** Without the tags of the recording: what was undefined is absent, as in JSON. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'object' && part !== null && '$' in part && part.$ === 'undefined' ? undefined : part,
    ),
  );

/** The recorded chats, by id. A reply that was being written when its page went away is a partial one from then on. */
function recordedChats(): Map<string, Conversation> {
  const chats = [...recordsOf(recorded, 'phi-conversations', 'c:')] as [string, Conversation][];
  const mend = (message: Message): Message =>
    message.reply?.state === 'streaming' ? { ...message, reply: { ...message.reply, state: 'partial' } } : message;
  return new Map(
    chats.map(([id, chat]) => [id, plain({ ...chat, messages: chat.messages.map(mend) }) as Conversation]),
  );
}

/** Messages from the first to the one that is shown last. */
function shownPath({ messages, tip }: Conversation): Message[] {
  const last = messages.find(({ id }) => id === tip);
  return last ? [...shownPath({ messages, tip: last.parent } as Conversation), last] : [];
}

async function exportAll(): Promise<Conversation[]> {
  await page.goto(`${server.url}#/settings`);
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export all as JSON' }).click(),
  ]);
  const file = JSON.parse(await readFile(await download.path(), 'utf8')) as { conversations: Conversation[] };
  return file.conversations;
}

describe('a store of version 0.1', () => {
  it('has every chat in the list, pinned ones first, and shows the messages of each', async () => {
    const chats = [...recordedChats().values()];
    expect(chats.length).toBeGreaterThanOrEqual(5);
    const wanted = [...chats].sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.updatedAt - a.updatedAt);
    await expect
      .poll(() => list().locator('a[href^="#/c/"]').allInnerTexts())
      .toEqual(wanted.map(({ title }) => title));
    for (const chat of wanted) {
      await page.goto(`${server.url}#/c/${chat.id}`);
      const path = shownPath(chat);
      const articles = log().getByRole('article');
      await expect.poll(() => articles.count()).toBe(path.length);
      for (const [i, { role, content }] of path.entries())
        if (role === 'user') expect(await articles.nth(i).innerText()).toContain(content.trim());
    }
  });

  it('exports them as they were recorded, with versions, figures, notices and thoughts', async () => {
    const exported = await exportAll();
    expect(new Map(exported.map((chat) => [chat.id, chat]))).toEqual(recordedChats());
  });

  it('keeps what was typed and not sent, a thought, and the mark of a reply that was cut off', async () => {
    const [draft] = recordsOf(recorded, 'phi-conversations', 'd:');
    await page.goto(`${server.url}#/c/${draft![0]}`);
    await expect.poll(() => messageBox(page).inputValue()).toBe(draft![1]);
    const title = 'How much is six times seven?';
    await list().getByRole('link', { name: title }).click();
    await log().getByRole('button', { name: 'Previous version' }).click();
    await log().getByText('Thought for 1.2 sec').waitFor();
    await log().getByText('42', { exact: true }).first().waitFor();
    await list().getByRole('link', { name: 'Boats' }).click();
    await log().getByText('Cut off because the page was closed or reloaded.').waitFor();
  });

  it('loads the model from what is stored and answers', async () => {
    await page.getByRole('button', { name: /Runs on\s?WASM/ }).waitFor();
    await newChat(page);
    expect((await ask(page, 'Which weights answer?')).text).not.toBe('');
    expect(server.shards, 'downloaded').toEqual([]);
    await page.goto(`${server.url}#/models`);
    await page.getByText('tiny phi4-mini').first().waitFor();
  });

  it('keeps settings, allowed servers and servers of comparisons', async () => {
    const settings = JSON.parse(recorded.localStorage['phi-settings']!) as Record<string, unknown>;
    const now = await page.evaluate(() => JSON.parse(localStorage.getItem('phi-settings')!) as object);
    expect(now).toMatchObject(settings);
    expect(await page.evaluate(() => document.documentElement.dataset['theme'])).toBe('dark');
    await page.goto(`${server.url}#/settings`);
    await expect.poll(() => page.getByLabel('System prompt').first().inputValue()).toBe('Answer in one word.');
    for (const [database, purpose] of [
      ['phi-allowed-hosts', 'models'],
      ['phi-allowed-compare-hosts', 'comparisons'],
    ] as const)
      for (const [origin] of recordsOf(recorded, database))
        await page.getByRole('listitem').filter({ hasText: origin }).filter({ hasText: purpose }).waitFor();
    await page.goto(`${server.url}#/compare`);
    await expect
      .poll(() => page.getByRole('textbox', { name: 'Address' }).inputValue())
      .toBe('https://server.example.org/v1');
    expectClean(session);
  });
});
