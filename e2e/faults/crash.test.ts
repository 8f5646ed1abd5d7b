/** The browser is killed at any moment of download, load and chat; the next start has what was committed, and repairs the rest without help. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, GREEDY, launchApp, newChat, serveTinyStarter, type TinyAppServer } from '../support/app.ts';
import { inspect } from '../support/inspect.ts';
import { killBrowser } from '../support/kill-browser.ts';
import { seeded } from '../../workers/store/testing/random.ts';

/** `npm test` kills a few times, `npm run test:faults` thirty. */
const KILLS = Number(process.env.PHI_KILLS ?? 5);
const SEED = Number(process.env.PHI_SEED ?? 1);
/** From the opening of the page: the download takes about a second, the load another, a reply a fraction. */
const LONGEST_MS = 5_000;
const SHARD_DELAY_MS = 150;
const SETTINGS = { ...GREEDY, maxTokens: 8 };

let server: TinyAppServer;
let profile: string;
/** The model's undisturbed reply to the first message of a chat. */
let undisturbed: string;
/** Ids of replies that were seen in the database, whole, before a kill. */
const committed = new Set<string>();

beforeAll(async () => {
  server = await serveTinyStarter();
  const quiet = await launchApp(SETTINGS);
  await quiet.page.goto(server.url);
  await quiet.page.getByRole('button', { name: /^Download/ }).click();
  undisturbed = (await ask(quiet.page, 'hello')).text;
  await quiet.close();

  server.onShard = (request, response) => {
    const shard = join(server.shardFolder, request.url!.split('/').pop()!);
    void sleep(SHARD_DELAY_MS)
      .then(() => readFile(shard))
      .then((bytes) => response.end(bytes));
    return true;
  };
  profile = await mkdtemp(join(tmpdir(), 'phi-crash-'));
});
afterAll(async () => {
  await server.close();
  await rm(profile, { recursive: true, force: true });
});

/** A person who downloads when asked to, and then writes one message after another; noting what is in the database. Ends with the browser. */
async function use(page: Page): Promise<void> {
  const download = page.getByRole('button', { name: /^(Download|Try again)/ }).first();
  for (;;) {
    if (await download.isVisible()) await download.click();
    await newChat(page);
    await ask(page, 'hello');
    for (const { messages } of (await inspect(page)).conversations) {
      for (const { id, reply } of messages) if (reply?.state === 'done') committed.add(id);
    }
  }
}

/** No half model counts as whole, and nothing committed is gone. */
async function checkStore(page: Page): Promise<void> {
  const { models, conversations } = await inspect(page);
  expect(models.flatMap(({ wrong }) => wrong)).toEqual([]);
  const there = new Set(
    conversations.flatMap(({ messages }) =>
      messages.filter(({ reply }) => reply?.state === 'done').map(({ id }) => id),
    ),
  );
  expect([...committed].filter((id) => !there.has(id))).toEqual([]);
}

it(`survives ${KILLS} kills at random moments (seed ${SEED})`, async () => {
  const random = seeded(SEED);
  for (let kill = 0; kill < KILLS; kill++) {
    const session = await launchApp(SETTINGS, { profile });
    await session.page.goto(server.url);
    await checkStore(session.page);
    const used = use(session.page).catch(() => undefined); // the kill ends it, wherever it is
    await sleep(random() * LONGEST_MS);
    await killBrowser(session, profile);
    await used;
  }

  const session = await launchApp(SETTINGS, { profile });
  try {
    await session.page.goto(server.url);
    await checkStore(session.page);
    const download = session.page.getByRole('button', { name: /^Download/ });
    await newChat(session.page);
    if (await download.isVisible()) await download.click();
    expect((await ask(session.page, 'hello')).text).toBe(undisturbed);
    console.info(
      `${KILLS} kills, seed ${SEED}: ${committed.size} replies were on the disk before a kill, all are there.`,
    );
  } finally {
    await session.close();
  }
});
