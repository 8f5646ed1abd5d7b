/** Large histories: only what is near the screen is in the document, and everything can be reached. Figures: bench/histories.ts. */
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { addMessage, newConversation, type Conversation } from '../../src/chat/conversation.ts';
import { exportJson } from '../../src/chat/transfer.ts';
import { messageBox, sendButton } from '../support/app.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';

const MESSAGES = 1200;
const CHATS = 400;

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const log = () => page.getByRole('log', { name: 'Conversation' });
const list = () => page.getByRole('navigation');

function chat(title: string, messages: number, at: number): Conversation {
  let conversation: Conversation = { ...newConversation('', at), title, named: true };
  for (let index = 0; index < messages; index++)
    conversation = addMessage(conversation, {
      id: `m${index}`,
      parent: conversation.tip,
      role: index % 2 === 0 ? 'user' : 'assistant',
      // A person's own text is shown as written.
      content: index % 2 === 0 ? `message number ${index}.` : `**message** number ${index}.`,
      createdAt: at,
      ...(index % 2 === 0 ? {} : { reply: { state: 'done', seed: 1, model: 'Phi' } }),
    });
  return conversation;
}

async function importChats(conversations: Conversation[]): Promise<void> {
  await openFake(page, server, 'plain', '#/settings');
  await page.locator('input[type=file][accept*=json]').setInputFiles({
    name: 'chats.json',
    mimeType: 'application/json',
    buffer: Buffer.from(exportJson(conversations)),
  });
  await page.getByText(/\d+ chats? imported\./).waitFor();
}

describe('a long chat', () => {
  it('opens at its end, shows its first message when scrolled to it, and goes on', async () => {
    await importChats([chat('Long', MESSAGES, 1)]);
    await list().getByRole('link', { name: 'Long' }).click();
    const end = log().getByText(`message number ${MESSAGES - 1}.`);
    await end.locator('strong').waitFor();
    await expect.poll(() => end.evaluate((node) => node.getBoundingClientRect().bottom < innerHeight)).toBe(true);
    expect(await log().getByRole('article').count()).toBeLessThan(60);

    const scroller = page.locator('.scroller');
    await scroller.evaluate((node) => (node.scrollTop = 0));
    await log().getByText('message number 0.').waitFor();
    expect(await log().getByRole('article').count()).toBeLessThan(60);

    await messageBox(page).fill('More');
    await messageBox(page).press('Enter');
    await log().getByText('so that the stream can be seen.').waitFor();
    await sendButton(page).waitFor();
    await log().getByRole('button', { name: 'Regenerate' }).last().click();
    await log().getByText('2/2').waitFor();
    await sendButton(page).waitFor();
    await page.reload();
    await log().getByText('2/2').waitFor();
    await log().getByText('More', { exact: true }).waitFor();
  });

  it('keeps a message that is being edited while it is scrolled away', async () => {
    await importChats([chat('Long', MESSAGES, 1)]);
    await list().getByRole('link', { name: 'Long' }).click();
    const mine = log().getByRole('article', { name: 'You' }).last();
    await mine.getByText(`message number ${MESSAGES - 2}.`).waitFor();
    await mine.hover();
    await mine.getByRole('button', { name: 'Edit', exact: true }).click();
    const box = page.getByRole('textbox', { name: 'Edit message' });
    await box.fill('half of a better');
    const scroller = page.locator('.scroller');
    await scroller.evaluate((node) => (node.scrollTop = 0));
    await log().getByText('message number 0.').waitFor();
    await scroller.evaluate((node) => (node.scrollTop = node.scrollHeight));
    expect(await box.inputValue()).toBe('half of a better');
  });
});

describe('a long list of chats', () => {
  it('is windowed, found in, scrolled through and kept in step', async () => {
    await importChats(Array.from({ length: CHATS }, (_, index) => chat(`Chat ${index}`, 2, CHATS - index)));
    await page.reload();
    const links = list().locator('a[href^="#/c/"]');
    await list().getByRole('link', { name: 'Chat 0', exact: true }).waitFor();
    expect(await links.count()).toBeLessThan(80);
    const row = list().getByRole('listitem').filter({ hasText: 'Chat 0' }).first();
    expect(await row.getAttribute('aria-setsize')).toBe(String(CHATS + 1)); // with the heading
    await list()
      .locator('.list')
      .evaluate((node) => (node.scrollTop = node.scrollHeight));
    await list()
      .getByRole('link', { name: `Chat ${CHATS - 1}`, exact: true })
      .click();
    await log().getByText('message number 1.').waitFor();
    await page.getByRole('searchbox').fill('Chat 27');
    await expect.poll(() => links.count()).toBe(11);
  });
});
