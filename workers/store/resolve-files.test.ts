import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultServer } from './testing/fault-server.ts';
import { freshDatabases, impatient } from './testing/databases.ts';
import { PhiError } from '../shared/errors.ts';
import type { ModelManifest } from '../shared/protocol.ts';
import { createContext, type StoreContext } from './context.ts';
import { hubManifest, isComplete, type HubModel } from '../shared/hub.ts';
import { describePinned, pin, withPins } from './pins.ts';
import { resolveFiles } from './resolve-files.ts';
import { ModelStore } from './store.ts';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const API = '/api/models/phi/tiny/revision/main';
const never = new AbortController().signal;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const weights = new Uint8Array(5_000).fill(7);
const config = new TextEncoder().encode('{"model_type":"phi3"}');
const contents: Record<string, Uint8Array> = { 'gpu/int4/model.onnx.data': weights, 'gpu/int4/config.json': config };

let server: FaultServer;
let context: StoreContext;
let model: HubModel;

/** The hub's answer; `lfs` of the weights may be replaced. */
function list(lfs: object | null = { sha256: sha256(weights), size: weights.length, pointerSize: 131 }): void {
  const siblings = [
    { rfilename: 'README.md', size: 12, blobId: 'x' },
    { rfilename: 'gpu/int4/config.json', size: config.length, blobId: 'x' },
    { rfilename: 'gpu/int4/model.onnx.data', size: weights.length, blobId: 'x', ...(lfs ? { lfs } : {}) },
  ];
  server.files.set(API, { bytes: new TextEncoder().encode(JSON.stringify({ id: 'phi/tiny', sha: COMMIT, siblings })) });
}

function serve(revision: string): void {
  for (const [path, bytes] of Object.entries(contents))
    server.files.set(`/phi/tiny/resolve/${revision}/${path}`, { bytes });
}

beforeEach(async () => {
  freshDatabases();
  server = await new FaultServer().start();
  context = createContext(impatient('http://page.test'));
  model = {
    kind: 'hub',
    id: 'tiny',
    name: 'Tiny',
    licence: { spdx: 'MIT', url: 'https://opensource.org/license/mit' },
    base: server.origin,
    repo: 'phi/tiny',
    revision: null,
    folder: 'gpu/int4/',
    files: [
      { path: 'gpu/int4/model.onnx.data' },
      { path: 'gpu/int4/config.json' },
      { path: 'gpu/int4/chat_template.jinja', optional: true },
    ],
  };
});
afterEach(() => server.stop());

const resolve = (wanted = model) => resolveFiles(context.net, wanted, never);
const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    (cause: unknown) => PhiError.from(cause),
  );

function expectTiny(manifest: ModelManifest, revision: string): void {
  expect(manifest.files.map(({ path, bytes }) => [path, bytes])).toEqual([
    ['model.onnx.data', weights.length],
    ['config.json', config.length],
  ]);
  expect(manifest.files[0]!.shards[0]!.url).toBe(
    `${server.origin}/phi/tiny/resolve/${revision}/gpu/int4/model.onnx.data`,
  );
}

describe('a hub', () => {
  it('tells the commit, the sizes and the hashes of large files in one request', async () => {
    list();
    const manifest = await resolve();
    expectTiny(manifest, COMMIT);
    expect(manifest.source).toEqual({ name: 'phi/tiny', url: `${server.origin}/phi/tiny`, revision: COMMIT });
    expect(manifest.files.map((file) => file.sha256)).toEqual([sha256(weights), undefined]);
    expect(server.log.map(({ path }) => path)).toEqual([API]);
  });

  it('is not asked when everything is known', async () => {
    const known = { ...model, revision: COMMIT, files: [{ path: 'gpu/int4/model.onnx.data', bytes: weights.length }] };
    expect(isComplete(known)).toBe(true);
    expect((await resolve(known)).bytes).toBe(weights.length);
    expect(server.log).toEqual([]);
  });

  it.each([
    ['hash', { sha256: '0'.repeat(64) }],
    ['size', { bytes: 4_999 }],
  ])('that has a file of another %s than the catalogue says is refused', async (_, known) => {
    list();
    model.files[0] = { path: 'gpu/int4/model.onnx.data', ...known };
    const error = await failure(resolve());
    expect(error).toMatchObject({ code: 'integrity', detail: { path: 'gpu/int4/model.onnx.data' } });
    expect(error!.message).toContain('is not the file that the catalogue knows');
  });

  it('without a file that the model needs is an error that names it', async () => {
    list();
    model.files.push({ path: 'gpu/int4/tokenizer.json' });
    const error = await failure(resolve());
    expect(error).toMatchObject({ code: 'network', detail: { path: 'gpu/int4/tokenizer.json', status: 404 } });
    expect(error!.message).toContain(COMMIT);
  });

  it('that is busy is asked again', async () => {
    list();
    let left = 2;
    server.fault = () => (left-- > 0 ? { kind: 'status', status: 503 } : null);
    expectTiny(await resolve(), COMMIT);
    expect(server.log).toHaveLength(3);
  });

  it('that cannot be reached is a network error', async () => {
    const gone = server.origin;
    await server.stop();
    expect(await failure(resolveFiles({ ...context.net, retries: 1 }, { ...model, base: gone }, never))).toMatchObject({
      code: 'network',
    });
    server = await new FaultServer().start();
  });

  it('may be left while it is asked', async () => {
    list();
    server.fault = () => ({ kind: 'stall', afterBytes: 1 });
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 30);
    expect(await failure(resolveFiles(context.net, model, leaving.signal))).toMatchObject({ code: 'cancelled' });
  });
});

describe('a file server without the API', () => {
  const page = { bytes: new TextEncoder().encode('<!doctype html><title>A page for every path</title>') };

  it.each([
    ['404', () => undefined],
    ['its page', () => void server.files.set(API, page)],
    ['JSON of another kind', () => void server.files.set(API, { bytes: new TextEncoder().encode('{"sha":3}') })],
  ])('that answers the API with %s is asked for one byte of each file', async (_, prepare) => {
    prepare();
    serve('main');
    server.exposed = 'Content-Range';
    expectTiny(await resolve(), 'main');
    expect(
      server.log.filter(({ path }) => path.includes('/resolve/')).every(({ range }) => range === 'bytes=0-0'),
    ).toBe(true);
  });

  it('that ignores ranges tells the size by Content-Length', async () => {
    serve('main');
    server.fault = () => ({ kind: 'ignore-range' });
    expectTiny(await resolve(), 'main');
  });

  it('that tells no size is said to', async () => {
    serve('main');
    server.fault = (path) => (path.includes('/resolve/') ? { kind: 'short', bytes: 10 } : null);
    context.net.fetch = async (input, init) => {
      const response = await fetch(input, init);
      const headers = new Headers(response.headers);
      headers.delete('Content-Range');
      headers.delete('Content-Length');
      return Object.defineProperty(new Response(response.body, { status: response.status, headers }), 'url', {
        value: response.url,
      });
    };
    const error = await failure(resolve());
    expect(error).toMatchObject({ code: 'network' });
    expect(error!.message).toContain('Content-Range');
  });

  it('that lacks a file is an error that names it', async () => {
    expect(await failure(resolve())).toMatchObject({ code: 'network', detail: { path: 'gpu/int4/model.onnx.data' } });
  });
});

describe('what was learned once', () => {
  it('is kept: the hub is not asked again, and what it serves later is held to the hash', async () => {
    list();
    const manifest = await describePinned(context, model, never);
    server.log.length = 0;
    const known = await withPins(context, model);
    expect(known.revision).toBe(COMMIT);
    expect(hubManifest(known)).toEqual(manifest);
    expect(await resolve(known)).toEqual(manifest);
    expect(server.log).toEqual([]);
  });

  it('does not hold for another repository, another revision or other files', async () => {
    list();
    await pin(context, model, await resolve());
    const other = [
      { ...model, repo: 'phi/other' },
      { ...model, revision: 'f'.repeat(40) },
      { ...model, files: [...model.files, { path: 'gpu/int4/tokenizer.json' }] },
    ];
    for (const wanted of other) expect(await withPins(context, wanted)).toBe(wanted);
  });

  it('is worth nothing when it is damaged', async () => {
    await context.tables.pins.set('tiny', { source: 3 });
    expect(await withPins(context, model)).toBe(model);
  });
});

describe('the store', () => {
  it('installs a model of a hub, and records the hash of small files too', async () => {
    list();
    serve(COMMIT);
    const store = new ModelStore(impatient('http://page.test'));
    const stored = await store.install(model);
    expect(stored).toMatchObject({ id: 'tiny', bytes: weights.length + config.length, source: { revision: COMMIT } });
    await store.remove('tiny');
    const known = await withPins(context, model);
    expect(known.files).toEqual([
      { path: 'gpu/int4/model.onnx.data', bytes: weights.length, sha256: sha256(weights) },
      { path: 'gpu/int4/config.json', bytes: config.length, sha256: sha256(config) },
    ]);
    contents['gpu/int4/config.json'] = Uint8Array.from(config, (byte) => byte ^ 1);
    serve(COMMIT);
    contents['gpu/int4/config.json'] = config;
    expect(await failure(store.install(model))).toMatchObject({ code: 'integrity' });
  });

  it('refuses what is not described as it should be', async () => {
    const store = new ModelStore(impatient('http://page.test'));
    expect(await failure(store.install({ ...model, repo: 'phi' }))).toMatchObject({ code: 'bad-request' });
  });
});
