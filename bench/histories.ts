/**
 * Large histories in the built app: `npx tsx bench/histories.ts [--dist FOLDER]`. Opens a chat of 5,000 messages, lists 2,000 chats, imports 2,000 chats and a file
 * of 100 MB.
 * The profile is seeded in the layout of version 0.1, which every version opens, so that builds of two versions can be compared.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { CDPSession, Page } from 'playwright';
import { addMessage, newConversation, summaryOf, type Conversation } from '../src/chat/conversation.ts';
import { exportJson } from '../src/chat/transfer.ts';
import { restoreStore, type RecordedDatabase } from '../e2e/support/recorded-store.ts';
import { DIST, ensureBuilt } from '../scripts/build/app.ts';
import { serve } from '../scripts/build/server.ts';
import { launch, type Session } from '../scripts/cli/browser/launch.ts';

const LONG_CHAT = 5_000;
const CHATS = 2_000;
const MESSAGES_A_CHAT = 10;
/** A file of about 100 MB. */
const LARGE_CHATS = 2_000;
const LARGE_CHAT_MESSAGES = 100;
const ROUNDS = 3;
const DAY_MS = 86_400_000;
const CHAT_LINK = 'nav a[href^="#/c/"]';

const QUESTION = 'What does the next step need, and which of the two ways is the shorter one here?';
const ANSWER = `It needs **two things**: the list, and a way through it.

- The list is \`sorted\` once, by the time of its last change.
- The way through it stops at the first that fits, so that most of it is never read.

\`\`\`ts
const first = list.find((one) => one.fits);
\`\`\`

That is the shorter one of the two, as long as the list is not longer than a page.`;

function chat(title: string, messages: number, at: number): Conversation {
  const ids = (index: number) => `${title.replace(/\W/g, '-')}-${index}`;
  let conversation: Conversation = { ...newConversation('', at), id: ids(0), title, named: true };
  for (let index = 0; index < messages; index++) {
    const role = index % 2 === 0 ? 'user' : 'assistant';
    const base = { id: ids(index + 1), parent: conversation.tip, role, createdAt: at + index } as const;
    conversation = addMessage(
      conversation,
      role === 'user'
        ? { ...base, content: `${index}: ${QUESTION}` }
        : {
            ...base,
            content: `${index}: ${ANSWER}`,
            reply: { state: 'done', seed: index, model: 'Phi', reason: 'end' },
          },
    );
  }
  return conversation;
}

const chats = (count: number, messages: number): Conversation[] =>
  Array.from({ length: count }, (_, index) =>
    chat(`Chat ${index}`, messages, Date.UTC(2026, 0, 1) - index * (DAY_MS / 10)),
  );

/** As version 0.1 kept them. */
const asStored = (conversations: readonly Conversation[]): RecordedDatabase => ({
  name: 'phi-conversations',
  version: 1,
  stores: [
    {
      name: 'records',
      keyPath: null,
      autoIncrement: false,
      records: conversations.flatMap((one): [string, unknown][] => [
        [`c:${one.id}`, one],
        [`s:${one.id}`, summaryOf(one)],
      ]),
    },
  ],
});

interface Visit {
  session: Session;
  page: Page;
  cdp: CDPSession;
}

/** A browser whose profile has these chats, at a page that has brought them up to date and shows an empty chat. */
async function visit(url: string, conversations: readonly Conversation[]): Promise<Visit> {
  const session = await launch({ gpu: false });
  const { page } = session;
  page.setDefaultTimeout(120_000);
  // The helper that tsx puts around functions, for functions that run in the page.
  await page.addInitScript('globalThis.__name = (value) => value');
  await page.addInitScript(watchList, CHAT_LINK);
  await restoreStore(page, url, {
    databases: [asStored(conversations)],
    localStorage: { 'phi-settings': '{"language":"en"}' },
  });
  const started = performance.now();
  await page.goto(url);
  if (conversations.length > 0) await page.locator(CHAT_LINK).first().waitFor();
  console.log(`  first visit, including the upgrade of stored chats: ${Math.round(performance.now() - started)} ms`);
  return { session, page, cdp: await session.context.newCDPSession(page) };
}

type Timed = Window & { listedMs?: number; longestTurnMs?: number };

/** Runs in the page: how long after the sidebar its first chats are painted. */
function watchList(link: string): void {
  let begun: number | null = null;
  const observer = new MutationObserver(() => {
    if (begun === null && document.querySelector('nav')) begun = performance.now();
    if (begun === null || !document.querySelector(link)) return;
    observer.disconnect();
    const from = begun;
    requestAnimationFrame(() => setTimeout(() => ((window as Timed).listedMs = performance.now() - from), 0));
  });
  observer.observe(document, { childList: true, subtree: true });
}

/** Bytes of the page's JavaScript heap after a collection. */
async function heapBytes(cdp: CDPSession): Promise<number> {
  await cdp.send('HeapProfiler.collectGarbage');
  return (await cdp.send('Runtime.getHeapUsage')).usedSize;
}

/** Milliseconds from the click on a chat until its last message is painted as Markdown. */
const openChat = (page: Page, id: string): Promise<number> =>
  page.evaluate(async (chatId) => {
    const started = performance.now();
    location.hash = `#/c/${chatId}`;
    for (;;) {
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
      const answers = document.querySelectorAll('[role=log] article .markdown .blocks');
      if (answers.length > 0 && [...answers].at(-1)!.childElementCount > 0) return performance.now() - started;
    }
  }, id);

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function longChat(url: string): Promise<void> {
  console.log(`A chat of ${LONG_CHAT} messages`);
  const long = chat('Long', LONG_CHAT, Date.UTC(2026, 0, 1));
  const { session, page, cdp } = await visit(url, [long]);
  const times: number[] = [];
  const growth: number[] = [];
  let nodes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await page.goto(`${url}#/`);
    await page.reload();
    await page.locator(CHAT_LINK).first().waitFor();
    const before = await heapBytes(cdp);
    times.push(await openChat(page, long.id));
    growth.push((await heapBytes(cdp)) - before);
    ({ nodes } = await cdp.send('Memory.getDOMCounters'));
  }
  console.log(`  opens in ${Math.round(median(times))} ms (${times.map(Math.round).join(', ')})`);
  console.log(`  heap grows by ${megabytes(median(growth))}; ${nodes} nodes in the document`);
  await session.close();
}

async function manyChats(url: string): Promise<void> {
  console.log(`${CHATS} chats of ${MESSAGES_A_CHAT} messages`);
  const { session, page } = await visit(url, chats(CHATS, MESSAGES_A_CHAT));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await page.reload();
    await page.waitForFunction(() => (window as Timed).listedMs !== undefined);
    times.push(await page.evaluate(() => (window as Timed).listedMs!));
  }
  console.log(`  are listed ${Math.round(median(times))} ms after the sidebar (${times.map(Math.round).join(', ')})`);
  await session.close();
}

/** Runs in the page: the longest time for which it gave nothing else a turn. */
function watchTurns(): void {
  const timed = window as Timed;
  timed.longestTurnMs = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    timed.longestTurnMs = Math.max(timed.longestTurnMs!, now - last);
    last = now;
  }, 10);
}

/** `rounds` times into a fresh profile each. */
async function importChats(url: string, conversations: readonly Conversation[], rounds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'phi-histories-'));
  const file = join(folder, 'chats.json');
  const text = exportJson(conversations);
  await writeFile(file, text);
  console.log(`An import of ${conversations.length} chats (${megabytes(text.length)})`);
  const times: number[] = [];
  let longestTurn = 0;
  for (let round = 0; round < rounds; round++) {
    const { session, page } = await visit(url, []);
    await page.goto(`${url}#/settings`);
    const field = page.locator('input[type=file][accept*=json]');
    await field.waitFor({ state: 'attached' });
    await page.evaluate(watchTurns);
    const started = performance.now();
    await field.setInputFiles(file);
    await page.getByText(/[\d,]+ chats imported/).waitFor();
    times.push(performance.now() - started);
    longestTurn = Math.max(longestTurn, await page.evaluate(() => (window as Timed).longestTurnMs!));
    await session.close();
  }
  console.log(`  takes ${Math.round(median(times))} ms (${times.map(Math.round).join(', ')})`);
  console.log(`  the page does not respond for ${Math.round(longestTurn)} ms at most`);
  await rm(folder, { recursive: true, force: true });
}

const { values } = parseArgs({ options: { dist: { type: 'string' } } });
if (values.dist === undefined) await ensureBuilt();
const server = await serve({ root: values.dist ?? DIST });
try {
  await longChat(server.url);
  await manyChats(server.url);
  await importChats(server.url, chats(CHATS, MESSAGES_A_CHAT), ROUNDS);
  await importChats(server.url, chats(LARGE_CHATS, LARGE_CHAT_MESSAGES), 1);
} finally {
  await server.close();
}
