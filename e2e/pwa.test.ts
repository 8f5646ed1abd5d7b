/** The app as something that is installed: without a network, on a bare host, through an update, and after the browser cleared up. */
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Page } from 'playwright';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DIST } from '../scripts/build/app.ts';
import { SERVICE_WORKER, writeServiceWorker } from '../scripts/build/service-worker.ts';
import { STARTER_ID } from '../src/models/starter.ts';
import {
  ask,
  expectClean,
  GREEDY,
  launchApp,
  makeTinyStarter,
  newChat,
  PATIENCE_MS,
  readAnswer,
  send,
  shareBrowsers,
  serveApp,
  type AppServer,
  type TinyStarter,
} from './support/app.ts';
import type { Session } from '../scripts/cli/browser/launch.ts';
import { chooseBackends, measured, openCompare, runComparison } from './support/compare-page.ts';
import { FaultServer } from '../workers/store/testing/fault-server.ts';
import { needFixture } from './support/fixtures.ts';
import { fullChromium } from './support/full-chromium.ts';

/** Enough tokens to last for seconds on any machine. */
const STORY_TOKENS = 250;
const MODEL_DATABASES = ['phi-shards', 'phi-manifests', 'phi-partials', 'phi-pins', 'phi-forms'];
/** The browser's own words for a server that is gone, and for what a policy refuses. */
const SERVER_GONE = /ERR_CONNECTION_REFUSED|ERR_FAILED/;
const REFUSED = /Content Security Policy|'Trusted(HTML|ScriptURL|Script)'|ERR_BLOCKED/;

let tiny: TinyStarter;
let folder: string;
let server: AppServer;
let session: Session;
let page: Page;

beforeAll(async () => {
  tiny = await makeTinyStarter();
});
shareBrowsers();
afterAll(() => tiny.remove());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phi-pwa-'));
});
afterEach(async () => {
  await session.close();
  await server.close().catch(() => undefined); // Some tests have stopped it.
  await rm(folder, { recursive: true, force: true });
});

async function visit(options: Parameters<typeof launchApp>[1] = {}, settings = GREEDY): Promise<void> {
  session = await launchApp(settings, options);
  page = session.page;
  await page.goto(server.url);
}

async function downloadAndAsk(): Promise<string> {
  await page.getByRole('button', { name: /^Download/ }).click();
  return (await ask(page, 'hello')).text;
}

const readyOffline = (): Promise<void> => page.getByRole('navigation').getByText('Ready offline').waitFor();

describe('the installed app', () => {
  it('opens, loads its model, answers, compares and exports when the network is gone', async () => {
    server = await serveApp({ mounts: tiny.mounts });
    await visit({ profile: folder });
    const before = await downloadAndAsk();
    await readyOffline();
    await session.close();
    await server.close();

    await visit({ profile: folder });
    await page.getByRole('link', { name: 'hello' }).waitFor();
    expect((await ask(page, 'hello')).text).toBe(before);
    await page.getByRole('link', { name: 'hello' }).first().hover();
    await page.getByRole('button', { name: 'Actions for “hello”' }).first().click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: 'Export as Markdown' }).click(),
    ]);
    expect(await readFile(await file.path(), 'utf8')).toMatch(/^# hello\n\n## You\n\nhello\n\n## Tiny Phi\n/);
    await openCompare(page, server.url, 'prompts=8&tokens=2');
    await chooseBackends(page, 'WASM single');
    expect(measured(await runComparison(page))).toHaveLength(1);
    await page.getByRole('link', { name: 'Settings' }).click();
    await page.getByText('日本語').click();
    await page.getByRole('heading', { name: '設定', level: 1 }).waitFor();
    expectClean(session, [SERVER_GONE]);
  });

  it('says that it is ready offline only when it is', async () => {
    server = await serveApp({ mounts: tiny.mounts });
    await visit();
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    expect(await page.getByText('Ready offline').count()).toBe(0); // No model yet.
    await downloadAndAsk();
    await readyOffline();
    // The browser drops its caches, and the network is gone: no longer true.
    const { port } = server;
    await server.close();
    await page.evaluate(async () => {
      for (const name of await caches.keys()) await caches.delete(name);
    });
    await lookAgain();
    await page.getByRole('navigation').getByText('Ready offline').waitFor({ state: 'detached' });
    server = await serveApp({ mounts: tiny.mounts, port });
    await lookAgain();
    await readyOffline();
    expectClean(session, [SERVER_GONE]);
  });

  it('is updated when a person says so, and not under a reply in another tab', async () => {
    const version2 = await makeVersion2();
    // The starter, because a reply of the tiny model is over before anything can be done under it.
    const mounts = { '/models': join(DIST, 'models') };
    const { port } = (server = await serveApp({ mounts }));
    await visit({}, { ...GREEDY, maxTokens: STORY_TOKENS });
    await page.getByRole('button', { name: /^Download/ }).click();
    await page.getByRole('button', { name: /Runs on/ }).waitFor();
    const other = await session.context.newPage();
    await other.goto(server.url);
    await markVersion(page);
    const reply = await send(page, 'Write a long story about a lighthouse.');
    await server.close();
    server = await serveApp({ mounts, port, root: version2 });
    await page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));
    await other.getByRole('button', { name: 'Update' }).click();
    await other.getByText('The update starts as soon as no tab of this app is busy.').waitFor();
    expect(await reply.getAttribute('aria-busy'), 'the reply still streams').toBe('true');
    expect(await versionOf(page)).toBe('1');

    // Both tabs are on version 2 after the reply has ended; until then the first is the page that it was.
    await expect.poll(() => versionOf(page), { timeout: PATIENCE_MS }).toBe('2');
    await expect.poll(() => versionOf(other), { timeout: PATIENCE_MS }).toBe('2');
    // Whichever tab came first has the model now; closing the other brings it here.
    await other.close();
    const kept = await readAnswer(page, page.getByRole('article', { name: 'Reply' }).last());
    expect(kept.contextTokens - kept.promptTokens, 'the reply came to its own end').toBeGreaterThanOrEqual(
      STORY_TOKENS - 1,
    );
    server.shards.length = 0;
    await newChat(page);
    await (await send(page, 'hello')).locator('.answer').waitFor();
    expect(server.shards).toEqual([]);
    await readyOffline();
    expectClean(session);
  });
});

describe('a bare static host, under a path', () => {
  it('has threads after one reload, and strict policies', async () => {
    const loads: string[] = [];
    server = await serveApp({
      base: '/phi/',
      securityHeaders: false,
      mounts: { [`/phi/models/${STARTER_ID}`]: tiny.mounts[`/models/${STARTER_ID}`]! },
    });
    session = await launchApp();
    page = session.page;
    page.on('domcontentloaded', () => loads.push(page.url()));
    await page.goto(server.url);
    await expect
      .poll(() => page.evaluate(() => crossOriginIsolated).catch(() => false), { timeout: PATIENCE_MS })
      .toBe(true);
    expect(await downloadAndAsk()).not.toBe('');
    expect(loads).toHaveLength(2);
    await page.goto(`${server.url}#/diagnostics`);
    await page.getByText('CPU, 2 threads').first().waitFor();
    expectClean(session);

    const policies = await page.evaluate(async (foreign) => {
      const outcome = (run: () => unknown) => {
        try {
          run();
          return 'ran';
        } catch (error) {
          return (error as Error).name;
        }
      };
      return {
        html: outcome(() => (document.createElement('div').innerHTML = '<b>')),
        worker: outcome(() => new Worker('./theme.js')),
        foreign: await fetch(foreign).then(
          () => 'ran',
          (error: Error) => error.name,
        ),
      };
    }, 'https://example.com/');
    expect(policies).toEqual({ html: 'TypeError', worker: 'TypeError', foreign: 'TypeError' });
    // As text, because no code of ours may spell it; in a task of the page's own, because the DevTools protocol is above the policy.
    const spelled = `new Promise((done) => setTimeout(() => { try { new Function('return 1')(); done('ran') } catch (error) { done(error.name) } }))`;
    expect(await page.evaluate(spelled)).toBe('EvalError');
    expectClean(session, [REFUSED]);
  });

  it('works on one thread, and says what is lost, where there is no service worker', async () => {
    server = await serveApp({ securityHeaders: false, mounts: tiny.mounts });
    session = await launchApp();
    page = session.page;
    await session.context.addInitScript(() =>
      Object.defineProperty(Navigator.prototype, 'serviceWorker', { value: undefined }),
    );
    await page.goto(server.url);
    expect(await downloadAndAsk()).not.toBe('');
    await page.goto(`${server.url}#/settings`);
    await page.getByText(/^One thread only/).waitFor();
    await page.getByText(/^Not ready offline/).waitFor();
    expectClean(session);
  });
});

describe('a server that a person names', () => {
  it('is in reach of the engine from then on, and of nothing else', async () => {
    const mirror = await new FaultServer().start();
    mirror.exposed = '*';
    server = await serveApp({ mounts: tiny.mounts });
    await visit({}, { ...GREEDY, hub: mirror.origin });
    await downloadAndAsk();
    const [worker] = page.workers();
    const reach = (url: string) =>
      fetch(url).then(
        () => 'reached',
        () => 'refused',
      );
    expect(await worker!.evaluate(reach, mirror.origin)).toBe('refused');
    expect(mirror.log).toEqual([]);
    await page.goto(`${server.url}#/models`);
    await page
      .getByRole('button', { name: /^Download/ })
      .first()
      .click();
    await expect.poll(() => mirror.log.length, { timeout: PATIENCE_MS }).toBeGreaterThan(0);
    await page.getByRole('alert').first().waitFor(); // It has no models.
    expect(await page.evaluate(reach, mirror.origin)).toBe('refused');
    await page.goto(`${server.url}#/settings`);
    await page.getByRole('button', { name: `Remove ${mirror.origin}` }).waitFor();

    // Another one, by the address of a file: looked at, downloaded, and it answers.
    const other = await new FaultServer().start();
    other.exposed = '*';
    other.files.set('/own/tiny.gguf', { bytes: readFileSync(needFixture('phi/phi4-mini/gguf/q8_0.gguf')) });
    await page.goto(`${server.url}#/models`);
    await page.getByRole('textbox', { name: 'Or an address' }).fill(`${other.origin}/own/tiny.gguf`);
    await page.getByRole('button', { name: 'Inspect', exact: true }).click();
    await page
      .getByRole('article', { name: 'tiny.gguf' })
      .getByRole('button', { name: /^Download/ })
      .click();
    await page
      .getByRole('listitem')
      .filter({ has: page.getByRole('heading', { name: 'tiny.gguf' }) })
      .getByText('Loaded', { exact: true })
      .waitFor({ timeout: PATIENCE_MS });
    // A third, which lets no other page read: said so, with what to do.
    other.exposed = null;
    await page.getByRole('textbox', { name: 'Or an address' }).fill(`${other.origin}/own/tiny.gguf`);
    await page.getByRole('button', { name: 'Inspect', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: 'Access-Control-Allow-Origin' }).waitFor({ timeout: PATIENCE_MS });
    await Promise.all([mirror.stop(), other.stop()]);
    expectClean(session, [REFUSED, /404/, /CORS|ERR_FAILED/]);
  });
});

describe('models deleted behind the page’s back', () => {
  it('are missed, said to be gone, and fetched again; the chats stay', async () => {
    server = await serveApp({ mounts: tiny.mounts });
    await visit();
    const before = await downloadAndAsk();
    await page.evaluate(deleteDatabases, MODEL_DATABASES);
    await lookAgain();
    const note = page.getByText(/The model that was stored here is gone/);
    await note.waitFor();

    await page.reload();
    await note.waitFor();
    await page.getByRole('link', { name: 'hello' }).click();
    await page.getByRole('log').getByText(before.slice(0, 20)).waitFor();
    await page.getByRole('button', { name: /^Download/ }).click();
    await note.waitFor({ state: 'detached' });
    await newChat(page);
    expect((await ask(page, 'hello')).text).toBe(before);

    // The bytes alone: the manifest says what is missing, and the load fetches it.
    server.shards.length = 0;
    await page.evaluate(deleteDatabases, ['phi-shards']);
    await page.reload();
    await newChat(page);
    expect((await ask(page, 'hello')).text).toBe(before);
    expect(server.shards).toHaveLength(tiny.manifest.files[0]!.shards.length);
    expectClean(session);
  });
});

const browser = await fullChromium();
const NO_CHROMIUM = 'the headless shell cannot be asked about installing, and no full Chromium is on the PATH';

describe('in a full Chromium', () => {
  it('can be installed', async ({ skip }) => {
    skip(browser === null, NO_CHROMIUM);
    server = await serveApp({ mounts: tiny.mounts });
    await visit({ profile: folder, executable: browser! });
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    const client = await session.context.newCDPSession(page);
    const { errors, data } = await client.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    expect(JSON.parse(data ?? '')).toMatchObject({ name: 'Phi in a tab' });
    await expect
      .poll(async () => (await client.send('Page.getInstallabilityErrors')).installabilityErrors, {
        timeout: PATIENCE_MS,
      })
      .toEqual([]);
  });
});

/** As if the person came back to the tab. */
async function lookAgain(): Promise<void> {
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
}

/** The same app with another page, as a deployment would put it there. */
async function makeVersion2(): Promise<string> {
  const root = join(folder, 'version-2');
  await cp(DIST, root, { recursive: true, filter: (source) => !relative(DIST, source).startsWith('models') });
  const html = await readFile(join(root, 'index.html'), 'utf8');
  await writeFile(join(root, 'index.html'), html.replace('<html', '<html data-version="2"'));
  const code = (await readFile(join(root, SERVICE_WORKER), 'utf8')).split('\n').slice(1).join('\n');
  await writeServiceWorker(root, code);
  return root;
}

/** The document as it is: a reload loses the mark. */
const markVersion = (of: Page): Promise<void> =>
  of.evaluate(() => void (document.documentElement.dataset['version'] ??= '1'));
const versionOf = (of: Page): Promise<string | null> =>
  of.evaluate(() => document.documentElement.dataset['version'] ?? null).catch(() => null);

async function deleteDatabases(names: string[]): Promise<void> {
  for (const name of names) {
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = () => resolve();
      request.onerror = () => reject(new Error(`${name} could not be deleted`));
    });
  }
}
