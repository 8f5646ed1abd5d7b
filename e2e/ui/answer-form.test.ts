/** Answers as JSON: the schema box of a chat's options, and the answer as a tree and as files. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox, sendButton } from '../support/app.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

describe('answer as JSON', () => {
  it('is switched on for a chat, checked, and shown as a tree that can be saved', async () => {
    await openFake(page, server, '');
    await page.getByRole('button', { name: 'Chat options' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('checkbox', { name: 'Answer as JSON' }).check();
    const box = dialog.getByRole('textbox', { name: 'JSON schema' });
    await dialog.getByText('Every keyword of this schema is enforced.').waitFor();
    await box.fill('{"type": ');
    await dialog.getByText('This is not JSON yet').waitFor();
    await box.fill('{"type": "array", "uniqueItems": true}');
    await dialog.getByText('"uniqueItems" at #').waitFor();
    await dialog.getByRole('button', { name: 'A list' }).click();
    await dialog.getByText('Every keyword of this schema is enforced.').waitFor();
    await page.keyboard.press('Escape');

    await messageBox(page).fill('Two films');
    await messageBox(page).press('Enter');
    const tree = page.getByRole('group', { name: 'Answer as a tree' });
    await tree.waitFor();
    await sendButton(page).waitFor();
    expect(await tree.innerText()).toMatch(/2 entries[^]*title: "Ran"[^]*year: 1952[^]*tags/);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as CSV' }).click();
    const csv = await readFile(await (await download).path(), 'utf8');
    expect(csv).toBe('\ufefftitle,year,tags\r\nRan,1985,\r\n\'=Ikiru,1952,"[""drama"",null]"\r\n');
    const lines = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as JSON Lines' }).click();
    expect((await readFile(await (await lines).path(), 'utf8')).split('\n')).toHaveLength(3);

    // The chat keeps it over a reload.
    await page.reload();
    await tree.waitFor();
    await page.getByRole('button', { name: 'Chat options' }).click();
    expect(await page.getByRole('checkbox', { name: 'Answer as JSON' }).isChecked()).toBe(true);
    expect(await page.getByRole('textbox', { name: 'JSON schema' }).inputValue()).toContain('"year"');
  });
});
