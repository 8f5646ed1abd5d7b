/** A chat with a real server: llama.cpp with the starter's own file, on loopback. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { ask, expectClean, launchApp, send, serveApp, stopButton, type AppServer } from '../support/app.ts';
import { startLlamaServer, type LlamaServer } from '../support/llama-server.ts';
import { agree, modelButton } from '../support/server-menu.ts';
import { joinStarter, type StarterFile } from '../support/starter-file.ts';

let file: StarterFile;
let llama: LlamaServer;
let server: AppServer;
let session: Session;
let page: Page;

beforeAll(async () => {
  file = await joinStarter();
  llama = await startLlamaServer(file.path, 2);
  server = await serveApp();
  session = await launchApp({ language: 'en', temperature: 0, maxTokens: 200 });
  page = session.page;
});

afterAll(async () => {
  await session?.close();
  await server?.close();
  await llama?.close();
  await file?.remove();
});

it('answers, remembers the turn before, stops, and goes on, without a model in the tab', async () => {
  await page.goto(server.url);
  await modelButton(page).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Add a server' }).click();
  await dialog.getByRole('combobox', { name: 'Server' }).selectOption('llamacpp');
  await dialog.getByRole('textbox', { name: 'Address' }).fill(llama.address);
  await dialog.getByRole('button', { name: 'Connect' }).click();
  await dialog.getByRole('combobox', { name: 'Model, as the server names it' }).selectOption('starter');
  await dialog.getByRole('button', { name: 'Continue' }).click();
  await agree(page);
  const { text } = await ask(page, 'My name is Ada. What is the capital of France?');
  expect(text).toContain('Paris');
  // What the starter does surely: no token of its answer is within 0.9 nats of another one.
  expect((await ask(page, 'Repeat your last answer.')).text.slice(0, 40)).toBe(text.slice(0, 40));
  const reply = await send(page, 'Write a long story about a lighthouse.');
  await reply.locator('.answer').waitFor();
  await stopButton(page).click();
  await page.getByRole('log').getByText('Stopped.').waitFor();
  const before = await reply.locator('.answer').innerText();
  await page.getByRole('button', { name: 'Continue' }).click();
  await reply.and(page.locator('[aria-busy="false"]')).waitFor();
  expect((await reply.locator('.answer').innerText()).length).toBeGreaterThan(before.length);
  expectClean(session);
});
