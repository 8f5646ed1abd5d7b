import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveSampleModel, type Hashes, type SampleModel } from './testing/sample-model.ts';
import { seeded } from './testing/random.ts';
import { FaultServer, type ServerFault } from './testing/fault-server.ts';
import { beforePut, digests, freshDatabases, impatient, readAll, shardTable } from './testing/databases.ts';
import type { Progress, Shard } from '../shared/protocol.ts';
import { ModelStore } from './store.ts';

let server: FaultServer;
let sample: SampleModel;
let store: ModelStore;

const WEIGHTS = '/onnx/weights.bin';

async function start(hashes: Hashes = 'shards', sameOrigin = true): Promise<void> {
  freshDatabases();
  server = await new FaultServer().start();
  sample = serveSampleModel(server, seeded(7), hashes);
  store = new ModelStore(impatient(sameOrigin ? server.origin : 'http://elsewhere.test'));
}

beforeEach(() => start());
afterEach(async () => {
  await server.stop();
});

/** The first `times` requests for `path` fail in this way. */
function failing(path: string, fault: ServerFault, times = 1): void {
  let left = times;
  server.fault = (asked) => (asked === path && left-- > 0 ? fault : null);
}

async function expectWhole(): Promise<void> {
  expect(digests(await readAll(await store.openStored('sample')))).toEqual(digests(sample.contents));
}

const shardsOf = (path: string) => sample.manifest.files.find((file) => file.path === path)!.shards;
const requests = (path: string) => server.log.filter((entry) => entry.path === path);
const sent = (path: string) => requests(path).reduce((sum, entry) => sum + entry.sent, 0);
const storedKeys = async () => (await shardTable().entries()).map(([key]) => key);

describe('a download', () => {
  it('fetches every byte once, and nothing when it is stored', async () => {
    const model = await store.install(sample.manifest);
    expect(server.log.reduce((sum, { sent }) => sum + sent, 0)).toBe(sample.manifest.bytes);
    await expectWhole();
    server.log.length = 0;
    expect((await store.install(sample.manifest)).storedAt).toBe(model.storedAt);
    expect(server.log).toEqual([]);
  });

  it('reports progress that ends at the total', async () => {
    const seen: Progress[] = [];
    await store.install(sample.manifest, { onProgress: (progress) => seen.push(progress) });
    expect(seen[0]).toMatchObject({ phase: 'download', bytesDone: 0, bytesTotal: sample.manifest.bytes });
    expect(seen.at(-1)).toMatchObject({ phase: 'download', bytesDone: sample.manifest.bytes });
  });

  it('takes its manifest from a URL, with shards relative to it', async () => {
    const relative = structuredClone(sample.manifest);
    relative.files.forEach(({ shards }) =>
      shards.forEach((shard) => (shard.url = shard.url.replace(server.origin, '..'))),
    );
    server.files.set('/models/manifest.json', { bytes: new TextEncoder().encode(JSON.stringify(relative)) });
    await store.install(`${server.origin}/models/manifest.json`);
    await expectWhole();
  });

  it.each([
    ['no JSON', '<!doctype html>', 'integrity'],
    ['a damaged one', '{"format":1}', 'bad-model'],
  ])('refuses a manifest that is %s', async (_, text, code) => {
    server.files.set('/m.json', { bytes: new TextEncoder().encode(text) });
    await expect(store.install(`${server.origin}/m.json`)).rejects.toMatchObject({ code });
  });

  it('is written once by two at a time', async () => {
    await Promise.all([
      store.install(sample.manifest),
      new ModelStore(impatient(server.origin)).install(sample.manifest),
    ]);
    expect(server.log.reduce((sum, { sent }) => sum + sent, 0)).toBe(sample.manifest.bytes);
    await expectWhole();
  });

  it('of two models that share a file are both whole when they come at once', async () => {
    const other = { ...structuredClone(sample.manifest), id: 'other', name: 'Other' };
    await Promise.all([store.install(sample.manifest), new ModelStore(impatient(server.origin)).install(other)]);
    await expectWhole();
    expect(digests(await readAll(await store.openStored('other')))).toEqual(digests(sample.contents));
    await store.remove('sample');
    expect(digests(await readAll(await store.openStored('other')))).toEqual(digests(sample.contents));
  });

  it('can be cancelled: what is verified stays, and only the rest is fetched later', async () => {
    const { signal, end } = cancelAfter(3);
    await expect(store.install(sample.manifest, { signal })).rejects.toMatchObject({ code: 'cancelled' });
    end();
    expect(await store.find('sample')).toBeNull();
    const kept = await storedKeys();
    expect(kept.length).toBeGreaterThanOrEqual(3);
    const { partial } = await store.report();
    expect(partial).toMatchObject([{ id: 'sample', manifest: { name: 'Sample' } }]);
    server.log.length = 0;
    await store.install(sample.manifest);
    const missing = sample.manifest.bytes - partial[0]!.bytesStored;
    expect(server.log.reduce((sum, { sent }) => sum + sent, 0)).toBe(missing);
    await expectWhole();
  });
});

/** Aborts when so many shards are stored. */
function cancelAfter(shards: number) {
  const controller = new AbortController();
  let count = 0;
  const end = beforePut((database, _value, _key, transaction) => {
    if (database === 'phi-shards' && ++count === shards)
      transaction.addEventListener('complete', () => controller.abort());
  });
  return { signal: controller.signal, end };
}

describe('a connection that fails', () => {
  it('goes on at the byte where a ranged shard broke off', async () => {
    failing(WEIGHTS, { kind: 'drop', afterBytes: 1000 });
    await store.install(sample.manifest);
    const [shard] = shardsOf('onnx/weights.bin');
    const again = requests(WEIGHTS).find(({ from }) => from === shard!.offset + 1000);
    expect(again).toMatchObject({ status: 206, ifRange: '"onnx/weights.bin-1"' });
    expect(sent(WEIGHTS)).toBe(server.files.get(WEIGHTS)!.bytes.length);
    await expectWhole();
  });

  it('goes on inside a whole-URL shard by range', async () => {
    failing('/model.gguf.0', { kind: 'drop', afterBytes: 1000 });
    await store.install(sample.manifest);
    expect(requests('/model.gguf.0').map(({ status, from }) => [status, from])).toEqual([
      [200, 0],
      [206, 1000],
    ]);
    await expectWhole();
  });

  it('sends no If-Range to another origin', async () => {
    await start('shards', false);
    failing(WEIGHTS, { kind: 'drop', afterBytes: 1000 });
    await store.install(sample.manifest);
    expect(server.log.filter(({ ifRange }) => ifRange !== null)).toEqual([]);
    await expectWhole();
  });

  it.each<[string, ServerFault]>([
    ['stalls', { kind: 'stall', afterBytes: 1000 }],
    ['stalls before the first byte', { kind: 'stall', afterBytes: 0 }],
    ['ends early', { kind: 'short', bytes: 1000 }],
    ['answers 500', { kind: 'status', status: 500 }],
    ['answers 503 with Retry-After', { kind: 'status', status: 503, retryAfter: '0' }],
    [
      'answers 503 with a Retry-After by a clock far behind',
      { kind: 'status', status: 503, retryAfter: 'Thu, 01 Jan 1970 00:00:00 GMT' },
    ],
    ['answers 429', { kind: 'status', status: 429 }],
    ['announces too few bytes', { kind: 'wrong-length', difference: -100 }],
    ['announces too many bytes', { kind: 'wrong-length', difference: 100 }],
    ['sends a wrong byte', { kind: 'wrong-byte', at: 500 }],
    ['answers 416', { kind: 'status', status: 416 }],
    ['sends the whole file once', { kind: 'ignore-range' }],
    ['drips', { kind: 'drip', bytes: 3000, pauseMs: 5 }],
  ])('is mended when the server %s', async (_, fault) => {
    if (fault.kind === 'stall') store = new ModelStore(impatient(server.origin, 150));
    failing(WEIGHTS, fault, 2);
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('follows a redirect', async () => {
    server.files.set('/mirror', server.files.get(WEIGHTS)!);
    failing(WEIGHTS, { kind: 'redirect', to: '/mirror' }, Infinity);
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('waits as long as Retry-After says', async () => {
    failing('/config.json.0', { kind: 'status', status: 503, retryAfter: '1' });
    const before = performance.now();
    await store.install(sample.manifest);
    expect(performance.now() - before).toBeGreaterThan(950);
  });

  it('is given up after some failures in a row, with what is verified kept', async () => {
    failing('/model.gguf.1', { kind: 'status', status: 500 }, Infinity);
    await expect(store.install(sample.manifest)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/model\.gguf, part 2 of .* 500.*stay stored/) as string,
    });
    expect(requests('/model.gguf.1')).toHaveLength(7);
    expect(await storedKeys()).toContain('sample/config.json/0');
    server.fault = () => null;
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('is said of a manifest that cannot be had at once', async () => {
    const seen: Progress[] = [];
    const text = new TextEncoder().encode(JSON.stringify(sample.manifest));
    server.files.set('/models/manifest.json', { bytes: text });
    failing('/models/manifest.json', { kind: 'status', status: 503 }, 2);
    await store.install(`${server.origin}/models/manifest.json`, { onProgress: (progress) => seen.push(progress) });
    expect(seen.slice(0, 3)).toEqual([
      { phase: 'retry' },
      { phase: 'retry' },
      expect.objectContaining({ phase: 'download' }),
    ]);
  });

  it.each([
    [404, /no such file/],
    [403, /permission/],
    [400, /refuses/],
  ])('is not tried again after %i', async (status, message) => {
    failing('/model.gguf.0', { kind: 'status', status }, Infinity);
    await expect(store.install(sample.manifest)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(message) as string,
    });
    expect(requests('/model.gguf.0')).toHaveLength(1);
  });
});

describe('bytes that are not what they should be', () => {
  it.each<[string, ServerFault, RegExp]>([
    ['wrong bytes', { kind: 'wrong-byte', at: 9 }, /part 1 of .* SHA-256 is/],
    ['a wrong length', { kind: 'wrong-length', difference: -9 }, /announced/],
    ['no body', { kind: 'short', bytes: 0 }, /ended after 0/],
    ['416', { kind: 'status', status: 416 }, /shorter/],
  ])('end in an error that names the part: %s', async (_, fault, message) => {
    failing('/model.gguf.0', fault, Infinity);
    await expect(store.install(sample.manifest)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(message) as string,
    });
    expect(await storedKeys()).not.toContain('sample/model.gguf/0');
    expect(await store.find('sample')).toBeNull();
  });

  it('are never joined from two versions: a new ETag starts the shard over', async () => {
    const dropped: ServerFault = { kind: 'drop', afterBytes: 1000 };
    const bytes = server.files.get('/model.gguf.0')!.bytes;
    let first = true;
    server.files.set('/model.gguf.0', { bytes: Uint8Array.from(bytes, (byte) => byte ^ 1), etag: '"old"' });
    server.fault = (path) => {
      if (path !== '/model.gguf.0' || !first) return null;
      first = false;
      queueMicrotask(() => server.files.set('/model.gguf.0', { bytes, etag: '"new"' }));
      return dropped;
    };
    await store.install(sample.manifest);
    await expectWhole();
    expect(requests('/model.gguf.0').at(-1)).toMatchObject({ status: 200, sent: bytes.length });
  });

  it('are never joined from two versions, also where neither hash nor ETag tells them apart', async () => {
    await start('none');
    const old = Uint8Array.from(server.files.get('/model.gguf.0')!.bytes);
    const changed = Uint8Array.from(old, (byte) => byte ^ 1);
    server.files.set('/model.gguf.0', { bytes: old });
    sample.contents.get('model.gguf')!.set(changed);
    let first = true;
    server.fault = (path) => {
      if (path !== '/model.gguf.0' || !first) return null;
      first = false;
      queueMicrotask(() => server.files.set('/model.gguf.0', { bytes: changed }));
      return { kind: 'drop', afterBytes: 1000 };
    };
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('of a file that changed between its shards are dropped, where no hash proves them', async () => {
    await start('none');
    let count = 0;
    server.fault = (path) => (path === WEIGHTS && ++count >= 3 ? { kind: 'etag', etag: '"2"' } : null);
    await expect(store.install(sample.manifest)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('changed on the server') as string,
    });
    expect((await storedKeys()).filter((key) => key.includes('weights.bin'))).toEqual([]);
    server.fault = () => null;
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('are found by the hash of the whole file where shards have none', async () => {
    await start('files');
    failing(WEIGHTS, { kind: 'wrong-byte', at: 5 });
    await expect(store.install(sample.manifest)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('weights.bin arrived whole') as string,
    });
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('from another place than the one asked for are found where nobody published a hash', async () => {
    await server.stop();
    await start('none');
    server.fault = (path, range) => (path === WEIGHTS && range !== null ? { kind: 'wrong-place' } : null);
    await expect(store.install(sample.manifest)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('onnx/weights.bin') as string,
    });
    expect((await store.report()).models).toEqual([]);
    // The next visit finds a server that answers as it should.
    server.fault = () => null;
    store = new ModelStore(impatient(server.origin));
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('of another size than the manifest says are refused at once', async () => {
    server.files.set(WEIGHTS, { bytes: new Uint8Array(500_000) });
    await expect(store.install(sample.manifest)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('the file on the server has 500000 bytes') as string,
    });
    expect(server.log.filter(({ path }) => path === WEIGHTS).length).toBeLessThan(20);
  });
});

describe('a server that ignores Range', () => {
  const ignoring = () => (server.fault = (path) => (path === WEIGHTS ? { kind: 'ignore-range' } : null));

  it('is read in order, once', async () => {
    ignoring();
    await store.install(sample.manifest);
    await expectWhole();
    expect(requests(WEIGHTS).filter(({ range }) => range === null)).toHaveLength(1);
  });

  it('is begun again after a drop, and stored shards stay', async () => {
    let whole = 0;
    server.fault = (path, range) => {
      if (path !== WEIGHTS) return null;
      if (range !== null || ++whole > 1) return { kind: 'ignore-range' };
      return { kind: 'drop', afterBytes: shardsOf('onnx/weights.bin')[1]!.offset + 5 };
    };
    await store.install(sample.manifest);
    await expectWhole();
    expect(whole).toBe(2);
  });

  it('is not asked by range for what the stream brings, and nothing counts or is stored twice', async () => {
    const [first, second] = shardsOf('onnx/weights.bin');
    const isOf = ({ offset, bytes }: Shard, range: string | null) => range?.endsWith(`-${offset + bytes - 1}`) ?? false;
    server.fault = (path, range) => {
      if (path !== WEIGHTS || range === null) return null;
      // One exchange holds bytes and waits for more while the others find out that the server ignores Range.
      return isOf(second!, range) ? { kind: 'stall', afterBytes: 1_000 } : { kind: 'ignore-range' };
    };
    const keys: unknown[] = [];
    const end = beforePut((database, _value, key) => void (database === 'phi-shards' && keys.push(key)));
    const seen: Progress[] = [];
    await store.install(sample.manifest, { onProgress: (progress) => seen.push(progress) });
    end();
    await expectWhole();
    expect(requests(WEIGHTS).filter(({ range }) => isOf(first!, range)).length).toBeGreaterThan(0);
    expect(requests(WEIGHTS).filter(({ range }) => isOf(second!, range))).toHaveLength(1);
    expect(keys).toHaveLength(new Set(keys).size);
    expect(seen.at(-1)).toMatchObject({ phase: 'download', bytesDone: sample.manifest.bytes });
  });
});

describe('the next visit', () => {
  async function interrupted(hashes: Hashes): Promise<void> {
    await start(hashes);
    const { signal, end } = cancelAfter(3);
    await expect(store.install(sample.manifest, { signal })).rejects.toMatchObject({ code: 'cancelled' });
    end();
    server.log.length = 0;
    store = new ModelStore(impatient(server.origin));
  }
  /** Of the 32 bytes on each side of a seam; see seams.ts. */
  const WITNESS_BYTES = 64;
  const rereads = () => requests(WEIGHTS).filter(({ range, sent }) => range !== null && sent !== WITNESS_BYTES);

  it('confirms unhashed parts by their end before it goes on', async () => {
    await interrupted('none');
    const kept = (await storedKeys()).filter((key) => key.includes('weights.bin')).length;
    await store.install(sample.manifest);
    await expectWhole();
    expect(rereads()).toHaveLength(shardsOf('onnx/weights.bin').length - kept + 1);
  });

  it('drops unhashed parts that the server no longer has', async () => {
    await interrupted('none');
    const changed = Uint8Array.from(server.files.get(WEIGHTS)!.bytes, (byte) => byte ^ 1);
    server.files.set(WEIGHTS, { bytes: changed, etag: '"onnx/weights.bin-1"' });
    sample.contents.set('onnx/weights.bin', changed);
    await store.install(sample.manifest);
    await expectWhole();
  });

  it('records the hashes that nobody published, and holds later parts to them', async () => {
    await start('none');
    const model = await store.install(sample.manifest);
    expect(model.files.flatMap(({ shards }) => shards).every(({ sha256 }) => sha256?.length === 64)).toBe(true);
    await shardTable().delete(['sample/onnx/weights.bin/0']);
    await expect(store.openStored('sample')).rejects.toMatchObject({ code: 'integrity' });
    server.files.set(WEIGHTS, { bytes: Uint8Array.from(server.files.get(WEIGHTS)!.bytes, (byte) => byte ^ 1) });
    await expect(store.install(sample.manifest)).rejects.toMatchObject({ code: 'integrity' });
  });

  it('fetches what changed between two versions of a manifest, and drops what is left over', async () => {
    await store.install(sample.manifest);
    const config = new TextEncoder().encode('{"version": 2}');
    server.files.set('/config2.json', { bytes: config });
    const next = structuredClone(sample.manifest);
    next.files[0] = {
      path: 'config.json',
      bytes: config.length,
      shards: [{ url: `${server.origin}/config2.json`, offset: 0, bytes: config.length, wholeUrl: true }],
    };
    next.files.pop();
    next.bytes = next.files.reduce((sum, { bytes }) => sum + bytes, 0);
    server.log.length = 0;
    await store.install(next);
    expect(server.log.map(({ path }) => path)).toEqual(['/config2.json']);
    expect((await storedKeys()).filter((key) => key.includes('model.gguf'))).toEqual([]);
  });
});
