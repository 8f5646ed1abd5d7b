/**
 * Records what a version of the app keeps in the browser, as a fixture for later versions: `npx tsx scripts/make/record-store.ts DIST NAME`.
 * DIST is the built app of that version (check its commit out beside this one, `npm run build` there), NAME a folder below e2e/fixtures.
 * The chats are real ones with a tiny Phi from a file; `e2e/fixtures/store-0.1` is of commit 762423a.
 */
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { launch } from '../cli/browser/launch.ts';
import { needFixture } from '../../e2e/support/fixtures.ts';
import { quietPage, recordStore } from '../../e2e/support/recorded-store.ts';
import { ROOT } from '../build/app.ts';
import { serve } from '../build/server.ts';

const MODEL = 'phi/phi4-mini/gguf/q8_0.gguf';
const MOST_BYTES = 2_000_000;
const SETTINGS = { temperature: 0, repetitionPenalty: 1, maxTokens: 12, backend: 'wasm', language: 'en' };
/** Longer than the second between two writes of a reply in progress. */
const CUT_OFF_MS = 2_500;
const LONG_TOKENS = 3_000;

const THOUGHT = {
  format: 'phi-chats',
  version: 1,
  exportedAt: '2026-11-30T00:00:00.000Z',
  conversations: [
    {
      id: 'aaaaaaaaaaaaaaaaaaaaaaaa',
      title: 'How much is six times seven?',
      pinned: false,
      createdAt: 1_790_000_000_000,
      updatedAt: 1_790_000_002_000,
      format: 1,
      named: false,
      system: 'Think first.',
      messages: [
        {
          id: 'bbbbbbbbbbbbbbbbbbbbbbbb',
          parent: null,
          role: 'user',
          content: 'How much is six times seven?',
          createdAt: 1_790_000_000_000,
        },
        {
          id: 'cccccccccccccccccccccccc',
          parent: 'bbbbbbbbbbbbbbbbbbbbbbbb',
          role: 'assistant',
          content: '<think>\nSix sevens: 42.\n</think>\n\nIt is **42**, $6 \\cdot 7 = 42$.',
          createdAt: 1_790_000_001_000,
          reply: {
            state: 'done',
            seed: 7,
            model: 'Phi-4-mini-reasoning',
            reason: 'end',
            thoughtMs: 1234.5,
            dropped: 0,
            notices: [
              'A notice as an early version wrote it.',
              {
                movedTo: 'WASM, int8',
                error: { code: 'device-lost', message: 'The device was lost.', detail: { reason: 'unknown' } },
              },
            ],
            stats: {
              promptTokens: 21,
              prefilledTokens: 21,
              generatedTokens: 30,
              contextTokens: 51,
              timeToFirstTokenMs: 120.5,
              prefillTokensPerSecond: 174.3,
              decodeTokensPerSecond: 25.1,
            },
          },
        },
        {
          id: 'dddddddddddddddddddddddd',
          parent: 'bbbbbbbbbbbbbbbbbbbbbbbb',
          role: 'assistant',
          content: '',
          createdAt: 1_790_000_002_000,
          reply: {
            state: 'partial',
            seed: 8,
            model: 'Phi-4-mini-reasoning',
            error: { code: 'out-of-memory', message: 'The device is out of memory.' },
          },
        },
      ],
      tip: 'dddddddddddddddddddddddd',
    },
  ],
};

const box = (page: Page) => page.getByRole('textbox', { name: 'Message', exact: true });
const log = (page: Page) => page.getByRole('log', { name: 'Conversation' });
const list = (page: Page) => page.getByRole('navigation');
const idle = (page: Page) => page.getByRole('button', { name: 'Send', exact: true }).waitFor();

async function say(page: Page, text: string): Promise<void> {
  const before = await log(page).getByRole('article', { name: 'Reply' }).count();
  await box(page).fill(text);
  await box(page).press('Enter');
  await log(page).getByRole('article', { name: 'Reply' }).nth(before).waitFor();
  await idle(page);
}

async function startChat(page: Page, text: string): Promise<void> {
  await list(page).getByRole('link', { name: 'New chat' }).click();
  await log(page).getByRole('article').first().waitFor({ state: 'detached' });
  await say(page, text);
}

async function act(page: Page, title: string, action: string): Promise<void> {
  await list(page).getByRole('link', { name: title }).first().hover();
  await list(page)
    .getByRole('button', { name: `Actions for “${title}”` })
    .first()
    .click();
  await page.getByRole('menuitem', { name: action, exact: true }).click();
}

const pick = (page: Page, field: string, name: string, text: string): Promise<void> =>
  page.locator(field).setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });

/** A model from a file, a server that was allowed, a comparison server, settings of one's own. */
async function setUp(page: Page, url: string): Promise<void> {
  await page.goto(`${url}#/models`);
  await page.getByRole('heading', { name: 'Bring your own model' }).waitFor();
  await page.locator('input[type=file]:not([webkitdirectory])').setInputFiles(needFixture(MODEL));
  await page.getByRole('button', { name: 'Copy into the browser' }).click();
  await page.getByText('Loaded', { exact: true }).waitFor();
  await page.getByRole('textbox', { name: 'Or an address' }).fill('https://models.example.org/tiny.gguf');
  await page.getByRole('button', { name: 'Inspect', exact: true }).click();
  await page.getByRole('alert').first().waitFor();
}

/** A server of a comparison that was allowed and asked once. */
async function compare(page: Page, url: string): Promise<void> {
  await page.goto(`${url}#/compare`);
  await page.getByRole('button', { name: 'Add a server' }).click();
  await page.getByRole('textbox', { name: 'Address' }).fill('https://server.example.org/v1');
  await page.getByRole('textbox', { name: 'Model, as the server names it' }).fill('phi');
  await page.getByRole('checkbox', { name: /server\.example\.org/ }).check();
  for (const own of await page.getByRole('group', { name: 'Backends' }).getByRole('checkbox').all())
    await own.setChecked(false);
  await page.getByRole('button', { name: /^Run/ }).click();
  await page.waitForFunction(() => localStorage.getItem('phi-compare-servers') !== null);
  await page.getByRole('button', { name: /^Run/ }).waitFor();
}

/** Versions, an edit, a branch, an attachment, a name, a pin, a draft, a system prompt, an imported thought, a reply that was cut off. */
async function chat(page: Page, url: string): Promise<void> {
  await startChat(page, 'Bread');
  await log(page).getByRole('button', { name: 'Regenerate' }).last().click();
  await log(page).getByText('2/2').waitFor();
  await idle(page);
  const mine = log(page).getByRole('article', { name: 'You' });
  await mine.hover();
  await mine.getByRole('button', { name: 'Edit', exact: true }).click();
  await page.getByRole('textbox', { name: 'Edit message' }).fill('Bread with butter');
  await page.getByRole('textbox', { name: 'Edit message' }).press('Enter');
  await mine.getByText('Bread with butter').waitFor();
  await idle(page);
  await say(page, 'And now\nin two lines, 日本語も。');
  await log(page).getByRole('button', { name: 'Branch into a new chat' }).last().click();
  await page.getByText('This is a copy up to that message.').waitFor();
  await say(page, 'Only in the branch');
  await act(page, 'Bread', 'Rename');
  await page.getByRole('textbox', { name: 'Rename' }).fill('Butter');
  await page.getByRole('textbox', { name: 'Rename' }).press('Enter');
  await list(page).getByRole('link', { name: 'Butter' }).waitFor();

  await list(page).getByRole('link', { name: 'New chat' }).click();
  await log(page).getByRole('article').first().waitFor({ state: 'detached' });
  await pick(page, 'form input[type=file]', 'notes.ts', 'const x = 1;\n');
  await page.waitForFunction(() => document.querySelector('textarea')!.value.includes('```'));
  await box(page).press('Enter');
  await log(page).getByRole('article', { name: 'Reply' }).waitFor();
  await idle(page);
  await act(page, 'notes.ts:', 'Pin');
  await box(page).fill('half a thought');
  await page.waitForTimeout(1_000);

  await page.goto(`${url}#/settings`);
  await page.getByLabel('System prompt').first().fill('Answer in one word.');
  await page.getByText('Dark', { exact: true }).click();
  await pick(page, 'input[type=file][accept*=json]', 'chats.json', JSON.stringify(THOUGHT));
  await page.getByText('1 chat imported.').waitFor();
  await startChat(page, 'Boats');
  await page.evaluate((tokens) => {
    const values = JSON.parse(localStorage.getItem('phi-settings')!) as object;
    localStorage.setItem('phi-settings', JSON.stringify({ ...values, maxTokens: tokens }));
  }, LONG_TOKENS);
  await page.reload();
  await page.getByRole('link', { name: /^Runs on/ }).waitFor();
  await box(page).fill('A reply that is cut off');
  await box(page).press('Enter');
  await log(page).getByRole('article', { name: 'Reply' }).nth(1).locator('.answer').waitFor();
  await page.waitForTimeout(CUT_OFF_MS);
}

async function main([dist, name]: string[]): Promise<void> {
  if (!dist || !name) throw new Error('Usage: record-store.ts DIST NAME, e.g. ../old/dist store-0.1');
  const profile = await mkdtemp(join(tmpdir(), 'phi-record-'));
  const server = await serve({ root: dist });
  const session = await launch({ gpu: false, profile });
  const { page } = session;
  page.setDefaultTimeout(60_000);
  try {
    // The helper that tsx puts around functions, for functions that run in the page.
    await page.addInitScript('globalThis.__name = (value) => value');
    await page.addInitScript((values) => {
      if (localStorage.getItem('phi-settings') === null) localStorage.setItem('phi-settings', JSON.stringify(values));
    }, SETTINGS);
    await setUp(page, server.url);
    await compare(page, server.url);
    await chat(page, server.url);
    await page.goto(quietPage(server.url));
    const folder = join(ROOT, 'e2e/fixtures', name);
    await mkdir(folder, { recursive: true });
    const path = join(folder, 'store.br');
    const recorded = await recordStore(page, path, [MODEL]);
    const { size } = await stat(path);
    for (const database of recorded.databases)
      console.log(
        `${database.name} v${database.version}: ${database.stores.map((store) => `${store.name} ${store.records.length}`).join(', ')}`,
      );
    console.log(`localStorage: ${Object.keys(recorded.localStorage).join(', ')}`);
    console.log(`${path}: ${size} bytes`);
    if (size > MOST_BYTES) throw new Error(`The recording has ${size} bytes; ${MOST_BYTES} are allowed.`);
  } finally {
    await session.close();
    await server.close();
    await rm(profile, { recursive: true, force: true });
  }
}

await main(process.argv.slice(2));
