/** What a model has read of a chat, kept for the next visit: a tiny model on WASM in the real page. The other backends: drafts.test.ts and long/kept-caches.test.ts. */
import { expect, it } from 'vitest';
import type { Session } from '../scripts/cli/browser/launch.ts';
import {
  ask,
  GREEDY,
  launchApp,
  messageBox,
  newChat,
  PATIENCE_MS,
  readAnswer,
  serveTinyApp,
  type AppServer,
} from './support/app.ts';
import { damageKeptCaches, keptCaches } from './support/kept-cache-access.ts';

let server: AppServer;
let session: Session;
serveTinyApp(
  (served) => (server = served),
  () => session,
);

/** More than the 128 tokens below which nothing is kept. */
const LONG = 'The river was slow that summer, and so were we. '.repeat(6);
const MORE = 'Why was it slow?';
/** Also more than that. */
const SYSTEM = 'Say what you know of rivers, and nothing else. '.repeat(6);

it('is restored when its chat is opened, never when it is damaged, and dies with its chat', async () => {
  // Activations that are rounded would differ between a chunk of tokens and a single one.
  session = await launchApp({ ...GREEDY, form: 'float32', system: SYSTEM });
  const { page } = session;
  const kept = async (least: number) =>
    expect
      .poll(async () => (await keptCaches(page)).some(({ tokens }) => tokens >= least), { timeout: PATIENCE_MS })
      .toBe(true);
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download/ }).click();
  await newChat(page);
  const first = await ask(page, LONG);
  expect(first.promptTokens).toBeGreaterThan(128);
  await kept(first.promptTokens);

  const last = page.getByRole('log').getByRole('article', { name: 'Reply' }).last();
  /** The same prompt once more, in another visit. */
  const again = async (version: number) => {
    await page.reload();
    await last.getByRole('button', { name: 'Regenerate' }).click();
    await last.getByLabel(`Version ${version} of ${version}`).waitFor();
    return readAnswer(page, last);
  };
  // Before anything is sent: reading it is noted in the store.
  const own = async () => (await keptCaches(page)).find(({ key }) => !key.startsWith('h/:'))!.usedAt;
  const writtenAt = await own();
  await page.reload();
  await expect.poll(own, { timeout: PATIENCE_MS }).toBeGreaterThan(writtenAt);
  const restored = await again(2);
  expect(restored.prefilledTokens).toBe(1);
  expect(restored.text).toBe(first.text);
  await damageKeptCaches(page);
  const reread = await again(3);
  expect(reread.prefilledTokens).toBe(reread.promptTokens);
  expect(reread.text).toBe(first.text);

  await kept(reread.promptTokens);
  await page.reload();
  const next = await ask(page, MORE);
  expect(next.prefilledTokens).toBeLessThan(next.promptTokens - first.promptTokens);

  // Another chat, in another visit, begins with the system prompt's own cache.
  await kept(next.promptTokens);
  expect((await keptCaches(page)).filter(({ key }) => key.startsWith('h/:'))).toHaveLength(1);
  await newChat(page);
  await page.reload();
  const fresh = await ask(page, MORE);
  expect(fresh.promptTokens - fresh.prefilledTokens).toBeGreaterThan(128);

  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Delete these copies' }).click();
  await page.getByRole('button', { name: 'Delete these copies' }).waitFor({ state: 'detached' });
  expect(await keptCaches(page)).toEqual([]);

  await newChat(page);
  await messageBox(page).waitFor();
  const other = await ask(page, LONG);
  await kept(other.promptTokens);
  await page
    .getByRole('link', { name: LONG.slice(0, 20) })
    .first()
    .hover();
  await page
    .getByRole('button', { name: /^Actions for/ })
    .first()
    .click();
  await page.getByRole('menuitem', { name: 'Delete', exact: true }).click();
  await expect.poll(() => keptCaches(page)).toEqual([]);
});

it('gives a new chat the document that another chat begins with', async () => {
  session = await launchApp({ ...GREEDY, form: 'float32' });
  const { page } = session;
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download/ }).click();
  const askOfDocument = async (question: string) => {
    await newChat(page);
    await page
      .locator('form input[type=file]')
      .setInputFiles({ name: 'river.html', mimeType: '', buffer: Buffer.from(`<p>${LONG}`) });
    await page
      .getByRole('list', { name: 'Documents that go with the message' })
      .getByText(/tokens$/)
      .waitFor();
    const answer = await ask(page, question);
    await page.getByText(/^The model read all of it/).waitFor();
    return answer;
  };
  const first = await askOfDocument('Why?');
  await expect
    .poll(async () => (await keptCaches(page)).some(({ tokens }) => tokens >= first.promptTokens), {
      timeout: PATIENCE_MS,
    })
    .toBe(true);
  await page.reload(); // From here on the model holds nothing.
  const second = await askOfDocument('Was it slow?');
  expect(second.promptTokens - second.prefilledTokens).toBeGreaterThan(128);

  // The same question without any cache.
  await page.getByRole('link', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Delete these copies' }).click();
  await page.getByRole('button', { name: 'Delete these copies' }).waitFor({ state: 'detached' });
  await page.reload();
  const reread = await askOfDocument('Was it slow?');
  expect(reread.prefilledTokens).toBe(reread.promptTokens);
  expect(reread.text).toBe(second.text);
});
