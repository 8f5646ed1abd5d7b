/** Chats as files. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox } from '../support/app.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

describe('chats', () => {
  it('leave as a file and come back, and a broken file changes nothing', async () => {
    const list = () => page.getByRole('navigation');
    const log = () => page.getByRole('log', { name: 'Conversation' });
    await openFake(page, server, 'plain');
    await messageBox(page).fill('Bread');
    await messageBox(page).press('Enter');
    await log().getByText('seen.').waitFor();
    await list().getByRole('link', { name: 'Bread' }).hover();
    await list().getByRole('button', { name: 'Actions for “Bread”' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: 'Export as JSON' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('Bread.json');
    const file = await readFile(await download.path(), 'utf8');
    await list().getByRole('button', { name: 'Actions for “Bread”' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await list().getByRole('link', { name: 'Settings' }).click();
    const choose = (text: string) =>
      // By what it accepts: while the screen changes, the composer's own field for files is still there.
      page
        .locator('input[type=file][accept*=json]')
        .setInputFiles({ name: 'chats.json', mimeType: 'application/json', buffer: Buffer.from(text) });
    await choose(file.replace('"parent": null', '"parent": "gone"'));
    await page.getByText(/cannot be imported: chat 1 of 1.*Nothing was changed\./).waitFor();
    expect(await list().getByRole('link', { name: 'Bread' }).count()).toBe(0);
    await choose(file);
    await page.getByText('1 chat imported.').waitFor();
    await choose(file);
    await page.getByText('0 chats imported. 1 was here already.').waitFor();
    await list().getByRole('link', { name: 'Bread' }).click();
    await log().getByText('seen.').waitFor();
  });
});
