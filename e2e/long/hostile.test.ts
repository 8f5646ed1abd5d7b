/**
 * Hostile text wherever the page shows somebody else's: replies, titles, notices, names of models and files, results. No script runs, nothing is fetched,
 * and nothing gets as far as the Content-Security-Policy, which would have stopped it.
 */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addMessage, newConversation, type Conversation } from '../../src/chat/conversation.ts';
import { exportJson } from '../../src/chat/transfer.ts';
import { result, row } from '../../src/compare/testing/results.ts';
import { tinyGguf, writeGguf } from '../../workers/engine/checkpoint/testing/gguf-writer.ts';
import {
  expectClean,
  launchApp,
  makeTinyStarter,
  newChat,
  send,
  serveApp,
  type AppServer,
  type TinyStarter,
} from '../support/app.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { needFixture } from '../support/fixtures.ts';
import { ENGINE } from '../support/inject.ts';
import { NAMES, OUTPUTS } from '../support/corpus.ts';

/** `npm run test:faults`. */
const IN_ONE_CHAT = 30;
/** A template has a second. */
const TEMPLATE_MS = 20_000;
/** Nothing here takes longer, and a test that waits for what never comes should say for what. */
const STEP_MS = 60_000;

type Watched = Window & { __xss?: unknown; violations: string[] };

let tiny: TinyStarter;
let server: AppServer;
let session: Session;
let page: Page;
const asked: string[] = [];

beforeAll(async () => {
  tiny = await makeTinyStarter();
  server = await serveApp({ mounts: tiny.mounts });
  session = await launchApp();
  ({ page } = session);
  page.setDefaultTimeout(STEP_MS);
  session.context.on('request', (request) => void asked.push(request.url()));
  await page.addInitScript(() => {
    const violations: string[] = [];
    Object.assign(window, { violations });
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
      violations.push(`${violatedDirective} ${blockedURI} ${sample}`),
    );
  });
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download/ }).click();
  await page.getByRole('button', { name: /Runs on/ }).waitFor();
});
afterAll(async () => {
  await session.close();
  await server.close();
  await tiny.remove();
});

/** The content of the page has run nothing, and could run nothing if it were clicked. */
async function expectHarmless(): Promise<void> {
  const { ran, violations, found } = await page.evaluate(() => {
    const found: string[] = [];
    for (const element of document.body.querySelectorAll('*')) {
      const handlers = element.getAttributeNames().filter((name) => name.startsWith('on'));
      if (handlers.length > 0) found.push(`${element.localName} with ${handlers.join()}`);
      const href = element.getAttribute('href') ?? element.getAttribute('xlink:href');
      if (href !== null && !/^(https?:|mailto:|#|\/|\.)/.test(href)) found.push(`${element.localName} to ${href}`);
      if (/url\(|@import/.test(element.getAttribute('style') ?? '')) found.push(`${element.localName} with a style`);
    }
    for (const element of document.querySelectorAll(
      '.blocks :is(script, style, link, meta, base, iframe, object, embed, form, input, img, video, audio, template)',
    ))
      found.push(element.localName);
    const { violations, __xss } = window as unknown as Watched;
    return { ran: __xss, violations, found };
  });
  expect(found).toEqual([]);
  expect(ran, 'a script ran').toBeUndefined();
  expect(violations, 'stopped by the policy only').toEqual([]);
  expect(asked.filter((url) => url.includes('leak'))).toEqual([]);
  expectClean(session);
}

/** A conversation as a file may hold it: every text in it is hostile. */
function hostileChat(outputs: readonly string[], name: string): Conversation {
  let chat: Conversation = { ...newConversation(name), title: name, named: true };
  for (const [i, content] of outputs.entries()) {
    const parent = chat.tip;
    chat = addMessage(chat, { id: `u${i}`, parent, role: 'user', content, createdAt: i });
    const error = { code: 'internal' as const, message: content, detail: { x: content } };
    const reply = {
      state: 'partial' as const,
      seed: 1,
      model: name,
      notices: [name, content, { movedTo: name, error }],
      error,
    };
    chat = addMessage(chat, { id: `a${i}`, parent: `u${i}`, role: 'assistant', content, createdAt: i, reply });
  }
  return chat;
}

const choose = (field: string, name: string, text: string | Uint8Array) =>
  page.locator(field).setInputFiles({ name, mimeType: 'application/octet-stream', buffer: Buffer.from(text) });

describe('hostile text does nothing', () => {
  it(`as replies, in ${OUTPUTS.length} ways, and as titles and notes of an imported chat`, async () => {
    const chats: Conversation[] = [];
    for (let at = 0; at < OUTPUTS.length; at += IN_ONE_CHAT)
      chats.push(hostileChat(OUTPUTS.slice(at, at + IN_ONE_CHAT), NAMES[chats.length]!));
    for (const name of NAMES.slice(chats.length)) chats.push(hostileChat(['hello'], name));
    await page.goto(`${server.url}#/settings`);
    await page.getByRole('heading', { name: 'Your chats' }).waitFor();
    await choose('input[type=file][accept*=json]', '<img src=x onerror=window.__xss=1>.json', exportJson(chats));
    await page.getByText(`${chats.length} chats imported.`).waitFor();
    for (const { id, messages } of chats) {
      await page.goto(`${server.url}#/c/${id}`);
      const replies = page.getByRole('log').getByRole('article', { name: 'Reply' });
      await replies.nth(messages.length / 2 - 1).waitFor();
      for (const fold of await replies.locator('summary').all()) await fold.click();
      // Parsed and sanitised, all of them.
      await expect.poll(() => replies.locator('.markdown.plain').count(), { timeout: STEP_MS }).toBe(0);
      await expectHarmless();
    }
    await page.getByRole('searchbox').fill('<img');
    await page.waitForTimeout(300);
    await expectHarmless();
  });

  it('as names of files and models, and as a chat template', async () => {
    await page.goto(`${server.url}#/models`);
    await page.getByRole('heading', { name: 'Bring your own model' }).waitFor();
    for (const [i, name] of NAMES.entries()) {
      const { metadata, tensors } = tinyGguf();
      for (const key of ['general.name', 'general.author', 'general.url', 'general.license', 'tokenizer.ggml.pre'])
        metadata.set(key, name);
      if (i % 2) metadata.set('general.architecture', name);
      await choose(
        'input[type=file]:not([webkitdirectory])',
        `${name.replaceAll('/', ' ')}.gguf`,
        writeGguf({ metadata, tensors }),
      );
      await page.locator('article.found').first().waitFor();
      await expectHarmless();
    }
  });

  it('as a comparison of somebody else', async () => {
    await page.goto(`${server.url}#/compare`);
    for (const name of NAMES) {
      const hostile = row({ label: name, device: name, form: name, model: name, reply: [[1, name]] });
      const machine = { ...result().machine, browser: name, system: name, adapter: name };
      const value = {
        ...result([hostile, { ...row(), label: name, absent: name }]),
        machine,
        model: { ...result().model, name },
        reference: { kind: 'recorded', name, steps: 1 },
      };
      await choose('input[type=file][accept*=json]', 'result.json', JSON.stringify(value));
      const dialog = page.getByRole('dialog', { name: 'Contents' });
      await dialog.getByRole('button', { name: 'Show it' }).waitFor();
      await expectHarmless();
      await dialog.getByRole('button', { name: 'Show it' }).click();
      await page.getByRole('rowheader', { name }).first().waitFor();
      await expectHarmless();
    }
  });
});

describe('a hostile chat template in a model file', () => {
  it.for([
    ['never-ends', '{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}'],
    ['reaches-out', '{{ "".constructor.constructor("return self.__xss=1")() }}{{ messages.__proto__.x }}'],
  ] as const)('that %s is stopped, and said in the reply', async ([name, template]) => {
    const file = await readFile(needFixture('phi/phi4-mini/gguf/q8_0.gguf'));
    const start = file.indexOf('{% for message in messages');
    const end = file.indexOf('{% endif %}', start) + '{% endif %}'.length;
    file.write(template.padEnd(end - start), start, 'latin1');
    await page.goto(`${server.url}#/models`);
    await page.getByRole('heading', { name: 'Bring your own model' }).waitFor();
    await choose('input[type=file]:not([webkitdirectory])', `${name}.gguf`, file);
    await page.getByRole('article', { name }).getByRole('button', { name: 'Copy into the browser' }).click();
    await page.getByRole('listitem').filter({ hasText: name }).getByText('Loaded', { exact: true }).waitFor();
    await newChat(page);
    const reply = await send(page, 'hello');
    await reply.getByText(/chat template/).waitFor({ timeout: TEMPLATE_MS });
    // ONNX Runtime's threads are workers that wait for work and answer nobody.
    const engines = page.workers().filter((worker) => ENGINE.test(worker.url()));
    expect(await Promise.all(engines.map((worker) => worker.evaluate(() => '__xss' in self)))).toEqual([false]);
    await expectHarmless();
  });
});
