import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { expectClean, messageBox, sendButton } from '../support/app.ts';
import { launch, type Session } from '../../scripts/cli/browser/launch.ts';
import { newVisitor, openFake, serveFakeApp } from '../support/fake-app.ts';

let server: RunningServer;
let session: Session;
let first: Page;
let second: Page;

beforeAll(async () => {
  server = await serveFakeApp(inject('fakeApp'));
  session = await launch({ gpu: false });
  first = await newVisitor(session);
  second = await first.context().newPage();
  second.setDefaultTimeout(60_000);
  second.on('pageerror', (error) => session.errors.push(error.message));
});
afterAll(async () => {
  await first.context().close();
  expectClean(session);
  await session.close();
  await server.close();
});

const badge = (page: Page) => page.getByRole('button', { name: /Runs on\s?WASM/ });
const elsewhere = (page: Page) => page.getByRole('status').getByText('The model runs in another tab.');
const chat = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name });
const log = (page: Page) => page.getByRole('log', { name: 'Conversation' });

async function send(page: Page, text: string): Promise<void> {
  await messageBox(page).fill(text);
  await messageBox(page).press('Enter');
}

describe('two tabs', () => {
  it('load the model once: the second says where it runs', async () => {
    await openFake(first, server, 'plain');
    await badge(first).waitFor();
    await openFake(second, server, 'slow');
    await elsewhere(second).waitFor();
    expect(await badge(second).count()).toBe(0);
  });

  it('keep the list and an open conversation in step', async () => {
    await send(first, 'Hello');
    await chat(second, 'Hello').click();
    await log(second).getByText('seen.').waitFor();
    await sendButton(first).waitFor();
    await send(first, 'More');
    await log(second).getByText('seen.').nth(1).waitFor();
  });

  it('hand the model over on request, and answer in the other', async () => {
    await second.getByRole('button', { name: 'Use it here' }).click();
    await elsewhere(first).waitFor();
    await badge(second).waitFor();
    await send(second, 'From the second');
    await log(second).getByText('Of course.').nth(2).waitFor();
    // The first sees that the second writes, and does not take the reply for broken off.
    await log(first).getByText('Another tab is writing this reply.').waitFor();
    expect(await log(first).getByText('Cut off because the page was closed or reloaded.').count()).toBe(0);
  });

  it('give it back when the tab that has it is closed in the middle of a reply, and keep what was written', async () => {
    await log(second).getByText('Here is a short').nth(2).waitFor();
    await second.waitForTimeout(1500);
    await second.close();
    await badge(first).waitFor();
    await log(first).getByText('Cut off because the page was closed or reloaded.').waitFor();
    await first.getByRole('button', { name: 'Continue' }).click();
    await log(first).getByText('And so it goes on to its end.').waitFor();
    expect(await log(first).getByRole('article', { name: 'Reply' }).count()).toBe(3);
  });
});
