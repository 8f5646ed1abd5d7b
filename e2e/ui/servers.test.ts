/** Chats with a server: what is asked before, what goes there, and what never does. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { messageBox, newChat, sendButton, stopButton } from '../support/app.ts';
import { accessibilityViolations } from '../support/axe.ts';
import { startChatServer, type ChatServer } from '../support/chat-server.ts';
import { askFake, eachVisitor, openFake } from '../support/fake-app.ts';
import { agree, modelButton, nameServer } from '../support/server-menu.ts';

let server: RunningServer;
let session: Session;
let page: Page;
let chat: ChatServer;

eachVisitor((visitor) => ({ server, session, page } = visitor));
beforeAll(async () => void (chat = await startChatServer()));
afterAll(() => chat.close());

const replies = () => page.getByRole('log').getByRole('article', { name: 'Reply' });
const badge = () => page.getByRole('note');

const ask = async (text: string) => (await askFake(page, text)).innerText();

it('asks before a chat goes to a server, names what goes there, and shows where to for as long as it does', async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await openFake(page, server, 'plain');
  await ask('Hello');
  chat.asked.length = 0;
  await nameServer(page, chat.address);
  const dialog = page.getByRole('dialog');
  const words = await dialog.innerText();
  for (const part of ['phi-4', new URL(chat.address).origin, 'the 2 messages of this chat so far', 'Other chats.'])
    expect(words).toContain(part);
  expect(await accessibilityViolations(page, axe), 'the question').toEqual([]);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect(await badge().count(), 'not chosen').toBe(0);
  expect(chat.asked, 'nothing went there').toEqual([]);

  await modelButton(page).click();
  await dialog.getByRole('button', { name: /^phi-4/ }).press('Enter');
  await agree(page);
  expect(await badge().innerText()).toContain(`This chat is sent to ${new URL(chat.address).origin}`);
  expect(await modelButton(page).innerText()).toContain('phi-4');
  expect(await accessibilityViolations(page, axe), 'the badge').toEqual([]);
  const reply = await ask('How are you?');
  expect(reply).toMatch(/^Served w1 w2[^]*w19\s+\d+:\d+\s[AP]M\s+phi-4 at 127\.0\.0\.1:\d+\s+[\d,.]+ tokens a second$/);
  await page.getByText('60 tokens so far').waitFor();
  expect(chat.asked[0]).toMatchObject({ model: 'phi-4', temperature: 0.3, max_tokens: 1024 });
  expect(chat.asked[0]!.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  await replies().last().getByRole('button', { name: 'Regenerate' }).click();
  await expect.poll(() => chat.asked.length).toBe(2);
  await sendButton(page).waitFor();
  await replies().last().locator('summary').click();
  await replies().last().getByText('30 new of 40 tokens').waitFor();

  // A new chat stays here; the old one still goes there after a reload, and a copy of it does not.
  const address = page.url();
  await newChat(page);
  expect(await badge().count()).toBe(0);
  expect(await ask('Local?')).toContain('Of course.');
  await page.goto(address);
  await page.reload();
  await badge().waitFor();
  await replies().nth(1).waitFor();
  expect(await ask('Still there?')).toContain('Served');
  await replies().last().getByRole('button', { name: 'Branch' }).click();
  await page.getByText('This is a copy').waitFor();
  expect(await badge().count()).toBe(0);
  const count = chat.asked.length;
  expect(await ask('And now?')).toContain('Of course.');
  expect(chat.asked).toHaveLength(count);
});

it('answers where no model is stored, thinks aloud, stops in the middle, and says what a server does wrong', async () => {
  await openFake(page, server, 'first');
  await page.getByRole('button', { name: 'Use a model on a server' }).click();
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await nameServer(page, chat.address);
  await agree(page);
  await page.getByText('What you write in this chat is sent to http://127.0.0.1').waitFor();
  expect(await ask('ponder')).toMatch(/^Thought for [^]*It is so\./);
  expect(await ask('whole')).toContain('All at once.');
  for (const [text, message] of [
    ['full', 'the request exceeds the available context size'],
    ['huge', 'a line has more than'],
    ['missing', 'answered 404: model not found'],
    ['redirect', 'could not be reached'],
  ] as const)
    expect(await ask(text), text).toContain(message);
  const left = chat.left;
  await messageBox(page).fill('endless');
  await messageBox(page).press('Enter');
  await replies().last().getByText('word5').waitFor();
  await stopButton(page).click();
  await page.getByRole('log').getByText('Stopped.').waitFor();
  await expect.poll(() => chat.left).toBeGreaterThan(left);
  session.errors.length = 0; // the browser reports refused requests on the console
});

it('keeps a key in memory only: not on disk, not in exports, not in the words of an error, not over an open network', async () => {
  const key = 'sk-secret-1234567890';
  chat.key = key;
  chat.keys.length = 0;
  await openFake(page, server, 'plain');
  await nameServer(page, chat.address, { key });
  await agree(page);
  expect(await ask('Hello')).toContain('Served');
  expect(chat.keys.every((sent) => sent === `Bearer ${key}`)).toBe(true);
  chat.key = 'sk-another';
  expect(await ask('Again')).toContain('answered 401: Wrong key: Bearer …');
  chat.key = key;
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Hello', exact: true }).hover();
  await page.getByRole('button', { name: 'Actions for “Hello”' }).click();
  await page.getByRole('menuitem', { name: 'Export as JSON' }).click();
  const exported = await readFile(await (await download).path(), 'utf8');
  expect(exported).toContain('phi-4');
  expect(exported).not.toContain(key);
  const stored = await page.evaluate(async () => {
    const databases = await indexedDB.databases();
    const values = await Promise.all(
      databases.map(
        ({ name }) =>
          new Promise((resolve) => {
            const opening = indexedDB.open(name!);
            opening.onsuccess = () => {
              const { result } = opening;
              const [first] = result.objectStoreNames;
              if (!first) return resolve(null);
              const all = result.transaction(first).objectStore(first).getAll();
              all.onsuccess = () => resolve(all.result);
            };
          }),
      ),
    );
    return JSON.stringify([values, { ...localStorage }, { ...sessionStorage }]);
  });
  expect(stored).toContain('phi-4');
  expect(stored).not.toContain(key);

  // After a reload the key is gone: nothing is sent before it is entered again.
  await page.reload();
  await replies().nth(1).waitFor();
  const asked = chat.keys.length;
  expect(await ask('Anyone?')).toContain('The app forgets keys when the page is closed');
  expect(chat.keys).toHaveLength(asked);
  await badge().getByRole('button', { name: 'Enter the key' }).click();
  await page.getByRole('dialog').getByLabel('Key, if the server needs one').fill(key);
  await agree(page);
  expect(await ask('Once more')).toContain('Served');
  await modelButton(page).click();
  await page.getByRole('button', { name: 'Add a server' }).click();
  await page.getByRole('textbox', { name: 'Address' }).fill('http://192.168.1.7:8080/v1');
  await page.getByText('The app sends a key only over https or to this machine.').waitFor();
  expect(await page.getByLabel('Key, if the server needs one').count()).toBe(0);
  expect(await page.getByRole('button', { name: 'Connect' }).isDisabled(), 'before it is allowed').toBe(true);
  chat.key = null;
  session.errors.length = 0; // the browser reports refused requests on the console
});

it('sends the schema of "Answer as JSON" along, shows the answer as a tree, and says where a server knew no schemas', async () => {
  await openFake(page, server, 'plain');
  await page.getByRole('button', { name: 'Chat options' }).click();
  await page.getByRole('checkbox', { name: 'Answer as JSON' }).check();
  await page.keyboard.press('Escape');
  await nameServer(page, chat.address);
  await agree(page);
  chat.asked.length = 0;
  await ask('A film');
  expect(chat.asked[0]!.response_format).toMatchObject({
    type: 'json_schema',
    json_schema: { schema: { type: 'object' } },
  });
  expect(await page.getByRole('group', { name: 'Answer as a tree' }).innerText()).toContain('year: 1985');
  expect(await ask('Unaware')).toContain('This reply is not JSON. The server may not support JSON schemas');
});
