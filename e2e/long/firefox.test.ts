/** Firefox ESR, which has neither WebNN nor WebGPU: chat on WASM, offline, reload, and what it lacks is named. */
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { GREEDY, makeTinyStarter, PATIENCE_MS, serveApp, type AppServer, type TinyStarter } from '../support/app.ts';
import { findFirefox, launchFirefox, NO_FIREFOX } from '../support/firefox.ts';
import { startWitness, type Witness } from '../../scripts/cli/browser/witness.ts';

const firefox = await findFirefox();

let tiny: TinyStarter;
let server: AppServer;
let serving = true;
let witness: Witness;
let browser: Browser;
let page: Page;
const errors: string[] = [];

/** Waits until `test` gives true in the page. Puppeteer's own way makes functions from texts, which the page's policy refuses. */
async function until<A extends unknown[]>(test: (...args: A) => unknown, ...args: A): Promise<void> {
  await vi.waitUntil(() => page.evaluate(test as (...args: unknown[]) => unknown, ...args), {
    timeout: PATIENCE_MS,
    interval: 100,
  });
}

/** Clicks the first element of `selector` whose name or text is like `name`, once there is one. */
async function press(selector: string, name: string): Promise<void> {
  await until(
    (query, wanted) => {
      const all = [...document.querySelectorAll<HTMLElement>(query)];
      const found = all.find((element) =>
        new RegExp(wanted).test(element.getAttribute('aria-label') ?? element.innerText),
      );
      found?.click();
      return found !== undefined;
    },
    selector,
    name,
  );
}

/** Sends a message in a new chat; the reply's text once it is whole. */
async function ask(message: string): Promise<string> {
  await press('a', '^New chat$');
  await until(() => !document.querySelector('article[aria-label=Reply]'));
  await page.waitForSelector('textarea[aria-label=Message]', { timeout: PATIENCE_MS });
  await page.type('textarea[aria-label=Message]', message);
  await page.keyboard.press('Enter');
  const reply = await page.waitForSelector('article[aria-label=Reply][aria-busy=false] .markdown', {
    timeout: PATIENCE_MS,
  });
  return reply!.evaluate((element) => (element as HTMLElement).innerText.trim());
}

/** Waits until the page says all of `texts`. */
async function shown(...texts: string[]): Promise<void> {
  await until((wanted) => wanted.every((text) => document.body.innerText.includes(text)), texts);
}

const textOf = (selector: string): Promise<string> =>
  page.$eval(selector, (element) => (element as HTMLElement).innerText);

describe('Firefox', () => {
  beforeEach(({ skip }) => skip(firefox === null, NO_FIREFOX));

  let first: string;

  beforeAll(async () => {
    if (firefox === null) return;
    tiny = await makeTinyStarter();
    server = await serveApp({ mounts: tiny.mounts });
    witness = await startWitness();
    browser = await launchFirefox(firefox, witness);
    page = await browser.newPage();
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await page.evaluateOnNewDocument(
      (settings) => {
        // about:blank has no storage.
        if (location.protocol === 'http:' && localStorage.getItem('phi-settings') === null)
          localStorage.setItem('phi-settings', JSON.stringify(settings));
      },
      { ...GREEDY, backend: 'auto' },
    );
  });
  afterAll(async () => {
    await browser.close();
    await witness.close();
    if (serving) await server.close();
    await tiny.remove();
  });

  it('downloads, loads on WASM with threads, and answers', async () => {
    console.info(await browser.version());
    await page.goto(server.url);
    await press('button', '^Download');
    first = await ask('hello');
    expect(first).not.toBe('');
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  });

  it('names what the browser lacks', async () => {
    await press('a', '^Diagnostics$');
    await until(() => document.querySelector('main')?.innerText.includes('Load time'));
    const report = await textOf('main');
    expect(report).toMatch(/WebNN[^\n]*\s+WebNN: this browser has no navigator\.ml/);
    expect(report).toMatch(/WebGPU[^\n]*\s+WebGPU: /);
    expect(report).toMatch(/CPU, \d+ threads/);
    console.info(report);
  });

  it('answers after a reload and without its server, with the same text', async () => {
    await until(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated');
    const shards = server.shards.length;
    await page.goto(`${server.url}#/models`);
    await shown('Bring your own model'); // Requests cut off by a reload count as errors.
    await page.reload();
    await shown('Bring your own model', 'Ready offline');
    await server.close();
    serving = false;
    await page.reload();
    await shown('Bring your own model');
    expect(await ask('hello')).toBe(first);
    expect(server.shards).toHaveLength(shards);
    expect(
      witness.hosts.filter((host) => !/(^|\.)(mozilla\.(com|org|net)|firefox\.com|mozgcp\.net)$/.test(host)),
    ).toEqual([]);
    expect(errors.filter((error) => !/NS_ERROR|NetworkError/.test(error))).toEqual([]);
  });
});
