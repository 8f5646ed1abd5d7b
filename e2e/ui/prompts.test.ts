/** Saved prompts: written, used with variables from the keyboard, kept by a reset, exported and imported. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox } from '../support/app.ts';
import { accessibilityViolations } from '../support/axe.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const dialog = () => page.getByRole('dialog');
const button = (name: string) => page.getByRole('button', { name, exact: true });

it('saves a prompt, asks for its variables, and takes it along in an export', async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await openFake(page, server, 'plain');
  await button('Saved prompts').click();
  await dialog().getByRole('button', { name: 'New prompt' }).click();
  await page.keyboard.type('Explain');
  await page.keyboard.press('Tab');
  await page.keyboard.type('Explain {{topic}} to {{reader}}. Then {{topic}} again.');
  expect(await accessibilityViolations(page, axe)).toEqual([]);
  await dialog().getByRole('button', { name: 'Save' }).click();

  // Behind what is written already, with the keyboard alone.
  await dialog()
    .getByRole('button', { name: /^Explain Explain/ })
    .press('Enter');
  await page.keyboard.type('bread');
  await page.keyboard.press('Tab');
  await page.keyboard.type('a child');
  expect(await accessibilityViolations(page, axe)).toEqual([]);
  await dialog().getByRole('button', { name: 'Insert' }).press('Enter');
  await expect.poll(() => messageBox(page).inputValue()).toBe('Explain bread to a child. Then bread again.');
  await expect.poll(() => messageBox(page).evaluate((box) => box === document.activeElement)).toBe(true);

  await page.goto(`${server.url}?fake=plain#/settings`);
  await button('Reset all settings').click();
  const saving = page.waitForEvent('download');
  await button('Export all as JSON').click();
  const file = await (await saving).path();
  await button('Delete Explain').click();
  await page.getByText('No prompt is saved yet.').waitFor();
  await page.locator('input[type=file][accept*=json]').setInputFiles({
    name: 'chats.json',
    mimeType: 'application/json',
    buffer: await readFile(file),
  });
  await button('Delete Explain').waitFor();
  expect(await accessibilityViolations(page, axe)).toEqual([]);
});
