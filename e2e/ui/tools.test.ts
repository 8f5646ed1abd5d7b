/** Tools of a chat: switched on in its options, each call shown with its arguments and result, and kept. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox, sendButton } from '../support/app.ts';
import { askFake, eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const calls = () => page.getByRole('region', { name: 'Tool: Calculator' });

describe('tools in a chat', () => {
  it('are off at first, switched on by keyboard, and shown with arguments and result', async () => {
    await openFake(page, server, '');
    await page.getByRole('button', { name: 'Chat options' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('list', { name: 'Tools' }).waitFor();
    for (const name of ['Calculator', 'Date and time', 'Convert units', 'Search in my documents'])
      expect(await dialog.getByRole('checkbox', { name }).isChecked()).toBe(false);
    await dialog.getByRole('checkbox', { name: 'Calculator' }).focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Escape');

    await messageBox(page).fill('calculate 12.5 * 4');
    await messageBox(page).press('Enter');
    await calls().waitFor();
    await page.getByRole('article').getByText('The tool says {"result":"50"}.').waitFor();
    await sendButton(page).waitFor();
    expect((await calls().innerText()).replace(/\s+/g, ' ')).toBe('Calculator Input expression: 12.5 * 4 Result 50');

    // The chat keeps its tools and its calls over a reload; another chat has none.
    await page.reload();
    await calls().waitFor();
    await askFake(page, 'calculate 1/0');
    expect(await calls().last().innerText()).toContain('Division by zero.');
    const download = page.waitForEvent('download');
    await page
      .getByRole('button', { name: /^Actions for/ })
      .first()
      .click();
    await page.getByRole('menuitem', { name: 'Export as Markdown' }).click();
    const markdown = await readFile(await (await download).path(), 'utf8');
    expect(markdown).toContain('**Tool: Calculator**\n\nInput\n\n```json\n{"expression":"12.5 * 4"}\n```');
  });

  it('lists the passages that a search of the documents found, with document and page', async () => {
    await openFake(page, server, '', '#/documents');
    await page.locator('main input[type=file]').setInputFiles({
      name: 'notes.md',
      mimeType: '',
      buffer: Buffer.from('# Notes\n\nThe lighthouse keeper drinks tea.'),
    });
    await page.getByRole('link', { name: 'notes.md' }).waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'New chat' }).click();
    await page.getByRole('button', { name: 'Chat options' }).click();
    await page.getByRole('checkbox', { name: 'Search in my documents' }).check();
    await page.keyboard.press('Escape');
    await askFake(page, 'look up tea');
    const search = page.getByRole('region', { name: 'Tool: Search in my documents' });
    expect((await search.innerText()).replace(/\s+/g, ' ')).toMatch(
      /query: tea Result passages: document: notes\.md part: 1 text: # Notes The lighthouse keeper drinks tea\.$/,
    );
  });
});
