/** The built app with its own service worker: a chat reaches a server elsewhere only after leave for chats, and no other worker does. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '../scripts/cli/browser/launch.ts';
import { ask, launchApp, serveApp, type AppServer } from './support/app.ts';
import { startChatServer, type ChatServer } from './support/chat-server.ts';
import { agree, nameServer } from './support/server-menu.ts';

let server: AppServer;
let chat: ChatServer;
let session: Session;
let page: Page;

beforeAll(async () => {
  server = await serveApp();
  chat = await startChatServer();
  session = await launchApp({ language: 'en' });
  page = session.page;
});

afterAll(async () => {
  await session.close();
  await chat.close();
  await server.close();
});

it('is allowed for chats alone, and asked no more when the leave is taken back', async () => {
  await page.goto(server.url);
  await page.evaluate(() => navigator.serviceWorker.ready);
  // Every address of 127 is this machine, but the policy names one: elsewhere, for the page, until it is allowed.
  const elsewhere = chat.address.replace('127.0.0.1', '127.0.0.2');
  await nameServer(page, elsewhere, { elsewhere: true });
  await agree(page);
  await page.getByRole('note').getByText('What you write leaves this device.').waitFor();
  expect((await ask(page, 'Hello')).text).toContain('Served');
  const policies = await page.evaluate(async () => {
    const scripts = performance.getEntriesByType('resource').map(({ name }) => name);
    const worker = scripts.find((name) => name.includes('chat.worker'))!;
    const others = scripts.filter((name) => /(engine|server)\.worker/.test(name));
    const policyOf = async (url: string) => (await fetch(url)).headers.get('Content-Security-Policy') ?? '';
    return { chat: await policyOf(worker), others: await Promise.all([location.href, ...others].map(policyOf)) };
  });
  expect(policies.chat).toContain(new URL(elsewhere).origin);
  expect(policies.others.join()).not.toContain('127.0.0.2');

  const asked = chat.asked.length;
  const open = page.url();
  await page.goto(`${server.url}#/settings`);
  await page.getByText(/127\.0\.0\.2:\d+ for chats/).waitFor();
  await page.getByRole('button', { name: /^Remove http:\/\/127\.0\.0\.2/ }).click();
  await page.getByText(/127\.0\.0\.2:\d+ for chats/).waitFor({ state: 'detached' });
  await page.goto(open);
  await page.getByRole('textbox', { name: 'Message', exact: true }).fill('Again');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'are not allowed to reach' }).waitFor();
  expect(chat.asked).toHaveLength(asked);
});
