/**
 * The page is reloaded, or the browser killed, at any moment between Enter and the first token. Whatever was sent is there afterwards, once: as a
 * message in its chat, or, where the page went away within the same moment, as the draft that it was.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { integer, pick, seeded } from '../../workers/store/testing/random.ts';
import { ask, GREEDY, launchApp, messageBox, serveTinyStarter, type AppServer } from '../support/app.ts';
import { inspect } from '../support/inspect.ts';
import { killBrowser } from '../support/kill-browser.ts';

/** `npm test` does it a few times, `npm run test:faults` thirty. */
const LOSSES = Number(process.env.PHI_KILLS ?? 6);
const SEED = Number(process.env.PHI_SEED ?? 1);
/** The model takes about a second to load, and until then no reply begins. Half of the losses come at once. */
const LONGEST_MS = 1_200;
const SETTINGS = { ...GREEDY, maxTokens: 8 };

/** Ways to ask for a reply. All but the last send a text, with Enter. */
type Way = 'new chat' | 'open chat' | 'edit' | 'attachment' | 'regenerate';
const WAYS: readonly Way[] = ['new chat', 'open chat', 'edit', 'attachment', 'regenerate'];

let server: AppServer;
let profile: string;

beforeAll(async () => {
  server = await serveTinyStarter();
  profile = await mkdtemp(join(tmpdir(), 'phi-stored-first-'));
});
afterAll(async () => {
  await server.close();
  await rm(profile, { recursive: true, force: true });
});

const mine = (page: Page) => page.getByRole('log').getByRole('article', { name: 'You' });

async function send(page: Page, way: Way, text: string): Promise<void> {
  if (way === 'new chat' || way === 'attachment') await page.getByRole('link', { name: 'New chat' }).first().click();
  else await page.locator('nav a[href^="#/c/"]').last().click();
  if (way === 'edit') {
    await mine(page).first().hover();
    await mine(page).first().getByRole('button', { name: 'Edit', exact: true }).click();
    const box = page.getByRole('textbox', { name: 'Edit message' });
    await box.fill(text);
    return box.press('Enter');
  }
  if (way === 'regenerate') return page.getByRole('log').getByRole('button', { name: 'Regenerate' }).last().click();
  if (way === 'attachment')
    await page
      .locator('form input[type=file]')
      .setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from(text) });
  else await messageBox(page).fill(text);
  // Typed a moment before Enter, and a draft by then, whatever becomes of the page.
  await expect.poll(async () => (await inspect(page)).drafts.join()).toContain(text);
  await messageBox(page).press('Enter');
}

interface Kept {
  /** How often each text is in a chat, and how often it is a draft. */
  texts: { text: string; sent: number; drafts: number }[];
  /** Messages in all chats, replies too. */
  messages: number;
}

async function count(page: Page, texts: readonly string[]): Promise<Kept> {
  const { conversations, drafts } = await inspect(page);
  const messages = conversations.flatMap((conversation) => conversation.messages);
  const holds = (whole: string, text: string) => whole.includes(text);
  const kept = texts.map((text) => ({
    text,
    sent: messages.filter(({ role, content }) => role === 'user' && holds(content, text)).length,
    drafts: drafts.filter((draft) => holds(draft, text)).length,
  }));
  return { texts: kept, messages: messages.length };
}

it(`loses nothing that was sent in ${LOSSES} reloads and kills before the first token (seed ${SEED})`, async () => {
  const random = seeded(SEED);
  const texts: string[] = [];
  let session: Session = await launchApp(SETTINGS, { profile });
  await session.page.goto(server.url);
  await session.page.getByRole('button', { name: /^Download/ }).click();
  await ask(session.page, 'hello');

  let { messages: known } = await count(session.page, []);
  const drafts = new Set<string>();
  for (let loss = 0; loss < LOSSES; loss++) {
    // Every way once, then any.
    const way = WAYS[loss] ?? pick(random, WAYS);
    const text = `text-${loss}-end`;
    await session.page.reload(); // The model is loaded again, so that no reply comes at once.
    await messageBox(session.page).waitFor();
    await send(session.page, way, text);
    if (way !== 'regenerate') texts.push(text);
    await sleep(integer(random, 2) === 0 ? 0 : random() * LONGEST_MS);
    if (integer(random, 2) === 0) await session.page.reload();
    else {
      await killBrowser(session, profile);
      session = await launchApp(SETTINGS, { profile });
      await session.page.goto(server.url);
    }
    await messageBox(session.page).waitFor();
    const kept = await count(session.page, texts);
    expect(kept.messages, `messages after ${way}`).toBeGreaterThanOrEqual(known);
    known = kept.messages;
    for (const found of kept.texts) {
      expect(found.sent + found.drafts, `${way}, ${found.text}: in a chat or a draft`).toBe(1);
      if (found.drafts > 0) drafts.add(found.text);
    }
  }
  await session.close();
  console.info(`${LOSSES} losses, seed ${SEED}: all there, ${drafts.size} of them as the draft that was sent.`);
});
