/** What people look for every day: chats that leave no trace, their own settings and words, the list out of the way, the app where it was left. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox, newChat } from '../support/app.ts';
import { accessibilityViolations } from '../support/axe.ts';
import { askFake, eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const replies = () => page.getByRole('log').getByRole('article', { name: 'Reply' });
const button = (name: string) => page.getByRole('button', { name, exact: true });

const ask = (text: string) => askFake(page, text);

/** Everything in the database of chats. */
const records = () =>
  page.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const opening = indexedDB.open('phi-conversations');
        opening.onerror = () => reject(opening.error!);
        opening.onsuccess = () => {
          const store = opening.result.transaction('records').objectStore('records');
          const all = store.getAll();
          all.onsuccess = () => resolve(JSON.stringify(all.result));
        };
      }),
  );

it('keeps nothing of a temporary chat, and all others until they are deleted together', async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await openFake(page, server, 'plain');
  await ask('Bread');
  await page.getByRole('link', { name: 'New chat' }).click();
  await page.getByRole('heading', { level: 1, name: 'New chat' }).waitFor();
  await messageBox(page).fill('a whis');
  await expect.poll(records).toContain('a whis');
  await button('Temporary chat').press('Enter');
  await page.getByText('This chat is not stored.').waitFor();
  await expect.poll(records).not.toContain('a whis');
  await messageBox(page).fill('a whisper');
  await messageBox(page).press('Enter');
  await replies().last().and(page.locator('[aria-busy="false"]')).waitFor();
  expect(await page.title()).toBe('Temporary chat · Phi in a tab');
  expect(await accessibilityViolations(page, axe)).toEqual([]);
  await messageBox(page).fill('a murmur');
  await page.waitForTimeout(600); // longer than a draft waits to be stored
  const stored = await records();
  expect(stored).toContain('Bread');
  expect(stored).not.toMatch(/whisper|murmur/);
  expect(await page.getByRole('navigation').getByText('whisper').count()).toBe(0);
  await page.getByRole('navigation').getByRole('link', { name: 'Bread' }).click();
  // The temporary chat has a reply on the screen too, and lives until it is left.
  await expect.poll(() => page.title()).toContain('Bread');
  await page.goBack();
  await page.getByText('no longer exists').waitFor();

  await page.goto(`${page.url().split('#')[0]}#/settings`);
  await button('Delete all chats…').click();
  await page.getByText('This deletes your chat for good.').waitFor();
  await button('Delete all chats').click();
  await page.getByText('All chats were deleted.').waitFor();
  expect(await records()).toBe('[]');
});

it('gives a chat sampling of its own, and lets a person put a reply into other words', async () => {
  await openFake(page, server, 'plain');
  await ask('Hello');
  await button('Chat options').click();
  const dialog = page.getByRole('dialog', { name: 'Chat options' });
  await dialog.getByRole('textbox', { name: 'Longest reply (tokens)' }).fill('3');
  await page.keyboard.press('Tab');
  await dialog.getByText('These settings apply to this chat only.').waitFor();
  await page.keyboard.press('Escape');
  await ask('Short?');
  await replies().last().getByText('Stopped: the reply reached its token limit.').waitFor();
  await newChat(page);
  await ask('And here?');
  expect(await replies().last().innerText()).toContain('so that the stream can be seen.');

  await replies().last().getByRole('button', { name: 'Edit reply' }).press('Enter');
  await page.getByRole('textbox', { name: 'Edit reply' }).fill('In my *own* words.');
  await button('Save').click();
  await replies().last().getByText('Edited by you').waitFor();
  expect(await replies().last().locator('.answer em').innerText()).toBe('own');
  await replies().last().getByLabel('Version 2 of 2').waitFor();
  const hour = await replies().last().locator('time').innerText();
  expect(hour).toMatch(/^\d{1,2}:\d\d\s[AP]M$/);
  await page.reload();
  await replies().last().getByText('Edited by you').waitFor();
});

it('hides the list of chats and brings it back, and opens the installed app where it was left', async () => {
  await openFake(page, server, 'plain');
  await ask('Hello');
  const list = page.getByRole('navigation');
  await button('Hide the list of chats').press('Enter');
  await list.waitFor({ state: 'hidden' });
  await page.reload();
  await messageBox(page).waitFor();
  expect(await list.isVisible()).toBe(false);
  await page.getByRole('button', { name: 'Open menu' }).click();
  await list.waitFor();
  const left = page.url();
  await page.addInitScript(() => {
    const original = matchMedia;
    window.matchMedia = (query) => original(query.includes('standalone') ? 'all' : query);
  });
  await page.goto('about:blank');
  await openFake(page, server, 'plain');
  await replies().first().waitFor();
  expect(page.url()).toBe(left);
});

it('puts chats into folders, which close, and keeps both for the next visit', async () => {
  await openFake(page, server, 'plain');
  await ask('Bread');
  await newChat(page);
  await ask('Taxes');
  const list = page.getByRole('navigation');
  const move = async (chat: string, folder: string) => {
    await list.getByRole('link', { name: chat }).hover();
    await list.getByRole('button', { name: `Actions for “${chat}”` }).click();
    await page.getByRole('menuitem', { name: 'Move to a folder' }).click();
    await list.getByRole('combobox', { name: 'Move to a folder' }).fill(folder);
    await page.keyboard.press('Enter');
  };
  await move('Bread', ' Recipes ');
  const folder = list.getByRole('button', { name: 'Recipes' });
  await folder.press('Enter');
  await list.getByRole('link', { name: 'Bread' }).waitFor({ state: 'detached' });
  await page.reload();
  await list.getByRole('link', { name: 'Taxes' }).waitFor();
  expect(await folder.getAttribute('aria-expanded')).toBe('false');
  expect(await list.getByRole('link', { name: 'Bread' }).count()).toBe(0);
  // A search finds it all the same, by the folder's name too.
  await list.getByRole('searchbox').fill('recipes');
  await list.getByRole('link', { name: 'Bread' }).waitFor();
  expect(await list.getByRole('link', { name: 'Taxes' }).count()).toBe(0);
  await list.getByRole('searchbox').fill('');
  await folder.press('Enter');
  await move('Bread', '');
  await folder.waitFor({ state: 'detached' });
  await list.getByRole('link', { name: 'Bread' }).waitFor();
});
