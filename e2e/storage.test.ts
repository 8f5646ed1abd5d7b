/** The store under bad luck, with a tiny model in the starter's place. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Page } from 'playwright';
import {
  ask,
  expectClean,
  launchApp,
  newChat,
  makeTinyStarter,
  PATIENCE_MS,
  shareBrowsers,
  serveApp,
  type AppServer,
  type TinyStarter,
} from './support/app.ts';
import { DIST } from '../scripts/build/app.ts';
import type { Session } from '../scripts/cli/browser/launch.ts';
import type { StorageReport } from '../workers/shared/protocol.ts';
import { corruptShard, forgetForms, storedForms, storedShards } from './support/store-access.ts';

let tiny: TinyStarter;
let server: AppServer;
let session: Session;
let page: Page;

beforeAll(async () => {
  tiny = await makeTinyStarter();
});
shareBrowsers();
afterAll(() => tiny.remove());

beforeEach(async () => {
  server = await serveApp({ mounts: tiny.mounts });
  session = await launchApp();
  page = session.page;
});
afterEach(async () => {
  await session.close();
  await server.close();
});

const shardCount = (): number => tiny.manifest.files[0]!.shards.length;
const download = (): Promise<void> => page.getByRole('button', { name: /^Download/ }).click();
const names = (paths: string[]): string[] => paths.map((path) => path.split('/').pop()!).sort();

describe('the store', () => {
  it('goes on with a download that was cut off half-way', async () => {
    // Half of the shards come, then nothing answers any more: a network that went away.
    const half = Math.floor(shardCount() / 2);
    server.onShard = (request) => {
      if (server.shards.length <= half) return false;
      request.socket.destroy();
      return true;
    };
    await page.goto(server.url);
    await download();
    await expect.poll(async () => (await storedShards(page)).length, { timeout: PATIENCE_MS }).toBe(half);
    await page.close();

    const stored = await reopen();
    expect(stored).toHaveLength(half);
    server.onShard = null;
    server.shards.length = 0;
    await download();
    const answer = await ask(page, 'hello');
    expect(answer.text).not.toBe('');
    const missing = tiny.manifest.files[0]!.shards.map((shard) => shard.url).filter((url) => !stored.includes(url));
    expect(names(server.shards)).toEqual(missing);
    expectClean(session, [/ERR_(EMPTY_RESPONSE|CONNECTION_RESET|SOCKET_NOT_CONNECTED)/]);
  });

  it('makes weights while the model arrives, the same as afterwards', async () => {
    const last = tiny.manifest.files[0]!.shards.at(-1)!.url;
    const [folder] = Object.values(tiny.mounts);
    let answerLast = (): void => undefined;
    server.onShard = (request, response) => {
      if (!request.url!.endsWith(last)) return false;
      answerLast = () => void readFile(join(folder!, last)).then((bytes) => response.end(bytes));
      return true;
    };
    const spans = (): Promise<string[]> =>
      page
        .workers()
        .find((worker) => worker.url().includes('engine.worker'))!
        .evaluate(() => performance.getEntriesByType('measure').map(({ name }) => name));
    await page.goto(server.url);
    await download();
    // The model is opened, and its tokenizer made, although its end is not there.
    await expect.poll(spans, { timeout: PATIENCE_MS }).toContain('phi: tokenizer');
    expect(await spans()).not.toContain('phi: download');
    answerLast();
    const early = await ask(page, 'hello');
    expect(await spans()).toContain('phi: early weights');
    server.onShard = null;
    await expect.poll(async () => (await storedForms(page)).length, { timeout: PATIENCE_MS }).toBeGreaterThan(0);
    const forms = await storedForms(page);

    // Once more with weights that are made after the download.
    await forgetForms(page);
    await page.reload();
    await newChat(page);
    const later = await ask(page, 'hello');
    expect(await spans()).not.toContain('phi: early weights');
    expect(later.text).toBe(early.text);
    await expect.poll(() => storedForms(page), { timeout: PATIENCE_MS }).toEqual(forms);
    expectClean(session);
  });

  it('finds a flipped byte and fetches that shard again', async () => {
    await page.goto(server.url);
    await download();
    const before = await ask(page, 'hello');
    expect(server.shards).toHaveLength(shardCount());

    const damaged = await corruptShard(page, 3);
    server.shards.length = 0;
    await page.reload();
    await newChat(page);
    const after = await ask(page, 'hello');
    expect(names(server.shards)).toEqual([damaged]);
    expect(after.text).toBe(before.text);
    expectClean(session);
  });

  it('says what is missing when the browser refuses to store more, keeps what it has, and goes on', async () => {
    const client = await session.context.newCDPSession(page);
    const origin = new URL(server.url).origin;
    await page.goto(server.url);
    // The service worker has put the app into its cache by then, which counts too.
    const taken = await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
      return (await navigator.storage.estimate()).usage ?? 0;
    });
    await client.send('Storage.overrideQuotaForOrigin', {
      origin,
      quotaSize: taken + Math.floor(tiny.manifest.bytes / 2),
    });
    await download();
    const alert = page.getByRole('alert');
    await expect
      .poll(() => alert.innerText(), { timeout: PATIENCE_MS })
      .toMatch(/storage is full[^]*\d(\.\d+)? [KM]i?B/);
    const stored = await storedShards(page);
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.length).toBeLessThan(shardCount());

    await client.send('Storage.overrideQuotaForOrigin', { origin });
    server.shards.length = 0;
    await page.getByRole('button', { name: 'Try again' }).first().click();
    const answer = await ask(page, 'hello');
    expect(answer.text).not.toBe('');
    expect(server.shards).toHaveLength(shardCount() - stored.length);
    expectClean(session);
  });
});

/** Runs in the page and in its workers: private windows of some browsers. */
function refuseBlobs(): void {
  const holdsBlob = (value: unknown): boolean =>
    value instanceof Blob || (value !== null && typeof value === 'object' && Object.values(value).some(holdsBlob));
  for (const name of ['put', 'add'] as const) {
    const store = IDBObjectStore.prototype[name];
    IDBObjectStore.prototype[name] = function (value: unknown, key?: IDBValidKey) {
      if (holdsBlob(value)) throw new DOMException('Blobs are not stored here.', 'DataCloneError');
      return store.call(this, value, key);
    };
  }
}

/** The app's workers that store, with `refuseBlobs` before them: files to be served in their place. */
async function workersWithoutBlobs(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(join(DIST, 'assets'))).filter((name) =>
    /^(engine|documents)\.worker-.*\.js$/.test(name),
  );
  for (const name of names) {
    const code = await readFile(join(DIST, 'assets', name), 'utf8');
    await writeFile(join(folder, name), `(${refuseBlobs.toString()})();\n${code}`);
  }
  return Object.fromEntries(names.map((name) => [`/assets/${name}`, join(folder, name)]));
}

it('keeps models, weights, chats and documents where the browser stores no Blobs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'phi-blobs-'));
  await server.close();
  server = await serveApp({ mounts: { ...tiny.mounts, ...(await workersWithoutBlobs(folder)) } });
  await page.addInitScript(refuseBlobs);
  // It would refuse files that are not those of the build.
  await page.addInitScript(() => (ServiceWorkerContainer.prototype.register = () => new Promise(() => undefined)));
  await page.goto(server.url);
  await download();
  await ask(page, 'hello');
  await expect.poll(async () => (await storedForms(page)).length, { timeout: PATIENCE_MS }).toBeGreaterThan(0);
  const report = `# Report\n\n${'The harbour was built in 1873. '.repeat(400)}`;
  await page
    .locator('form input[type=file]')
    .setInputFiles({ name: 'harbour.md', mimeType: 'text/markdown', buffer: Buffer.from(report) });
  // It is named while it is read, and counted once it is stored.
  await page
    .getByRole('list', { name: 'Documents that go with the message' })
    .getByText(/tokens$/)
    .waitFor();
  server.shards.length = 0;

  await page.reload();
  await page.getByRole('log').getByRole('article', { name: 'You' }).getByText('hello').waitFor();
  expect((await ask(page, 'and now?')).text).not.toBe('');
  expect(server.shards).toEqual([]);
  await page.goto(`${server.url}#/documents`);
  await page.getByRole('link', { name: 'harbour.md' }).click();
  await page.getByText('The harbour was built in 1873.').first().waitFor();
  await page.goto(`${server.url}#/models`);
  await page.getByText('This window cannot store files directly.').waitFor();
  expectClean(session);
  await rm(folder, { recursive: true });
});

/** A new tab, as after a crash or another day; resolves with the shards that are there. */
async function reopen(): Promise<string[]> {
  page = await session.context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download/ }).waitFor();
  return storedShards(page);
}

/** Calls of comlink's protocol on a worker of one's own, from the page. The second argument's callback, if any, counts what it hears. */
function callEngine(calls: readonly (readonly [method: string, ...args: string[]])[]): Promise<unknown[]> {
  const script = page
    .workers()
    .map((worker) => worker.url())
    .find((url) => url.includes('engine.worker'))!;
  return page.evaluate(
    async ({ calls, script }) => {
      const { trustedTypes } = globalThis as unknown as {
        trustedTypes: {
          createPolicy(
            name: string,
            rules: { createScriptURL(url: string): string },
          ): { createScriptURL(url: string): URL };
        };
      };
      const policy = trustedTypes.createPolicy('phi-script-url', { createScriptURL: (url) => url });
      const worker = new Worker(policy.createScriptURL(script), { type: 'module', name: 'engine of a test' });
      const answers: unknown[] = [];
      for (const [id, [method, ...args]] of calls.entries()) {
        const heard = new MessageChannel();
        let events = 0;
        heard.port1.onmessage = () => events++;
        const callback = method === 'makeWeights' ? [{ type: 'HANDLER', name: 'proxy', value: heard.port2 }] : [];
        const argumentList = [...args.map((value) => ({ type: 'RAW', value })), ...callback];
        const answer = new Promise<unknown>((resolve, reject) => {
          worker.addEventListener(
            'message',
            ({ data }: MessageEvent<{ id?: string; type: string; value: unknown }>) => {
              if (data.id !== String(id)) return;
              if (data.type === 'RAW') resolve(data.value);
              else reject(new Error(JSON.stringify(data.value)));
            },
          );
        });
        worker.postMessage(
          { id: String(id), type: 'APPLY', path: [method], argumentList },
          callback.length > 0 ? [heard.port2] : [],
        );
        answers.push(await answer, events);
      }
      worker.terminate();
      return answers;
    },
    { calls, script },
  );
}

it('keeps 4-bit weights for NPUs that another worker makes while the model answers', async () => {
  await page.goto(server.url);
  await download();
  await ask(page, 'hello');
  const making = callEngine([['makeWeights', 'job', tiny.manifest.id], ['storage']]);
  expect((await ask(page, 'and meanwhile?')).text).not.toBe('');
  const [kept, events, storage] = await making;
  expect(kept).toBe(true);
  expect(events).toBeGreaterThan(5);
  const { forms } = storage as StorageReport;
  const found = forms.find(({ form }) => form === 'webnn-npu-int4-columns-compensated');
  expect(found).toMatchObject({ model: tiny.manifest.id });
  expect(found!.bytes).toBeGreaterThan(100_000);
  expectClean(session);
});
