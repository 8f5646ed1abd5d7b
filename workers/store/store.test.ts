import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { serveSampleModel, type SampleModel } from './testing/sample-model.ts';
import { randomBytes, seeded } from './testing/random.ts';
import { FaultServer } from './testing/fault-server.ts';
import {
  beforePut,
  digests,
  flipStoredByte,
  freshDatabases,
  impatient,
  readAll,
  shardTable,
} from './testing/databases.ts';
import type { ModelManifest } from '../shared/protocol.ts';
import { Table } from '../shared/database.ts';
import { ModelStore } from './store.ts';

let server: FaultServer;
let sample: SampleModel;
let store: ModelStore;

beforeEach(async () => {
  freshDatabases();
  server = await new FaultServer().start();
  sample = serveSampleModel(server, seeded(11), 'shards');
  store = new ModelStore(impatient(server.origin));
});
afterEach(async () => {
  await server.stop();
});

/** As after a reload: nothing is known but what is stored. */
const nextVisit = () => (store = new ModelStore(impatient(server.origin)));
const storedKeys = async () => (await shardTable().entries()).map(([key]) => key);

const noRoom = () => new DOMException('No room.', 'QuotaExceededError');

/** Refuses writes once this many bytes of Blobs were put. Returns how to end that. */
function limitRoom(bytes: number): () => void {
  let left = bytes;
  return beforePut((_database, value) => {
    const blob = value instanceof Blob ? value : (value as { blob?: Blob }).blob;
    left -= blob?.size ?? 0;
    if (left < 0) throw noRoom();
  });
}

describe('a stored model', () => {
  beforeEach(() => store.install(sample.manifest));

  it('reads any range, also across shards, as bytes and as Blob', async () => {
    const source = (await store.openStored('sample')).get('onnx/weights.bin')!;
    const whole = sample.contents.get('onnx/weights.bin')!;
    const random = seeded(3);
    for (let i = 0; i < 40; i++) {
      const offset = Math.floor(random() * whole.length);
      const length = Math.floor(random() * (whole.length - offset + 1));
      const expected = Buffer.from(whole.subarray(offset, offset + length));
      expect(expected.equals(await source.read(offset, length))).toBe(true);
      expect(expected.equals(new Uint8Array(await (await source.blob(offset, length)).arrayBuffer()))).toBe(true);
    }
    await expect(source.read(whole.length - 1, 2)).rejects.toMatchObject({ code: 'bad-model' });
    await expect(source.blob(-1, 2)).rejects.toMatchObject({ code: 'bad-model' });
  });

  it('finds a flipped byte on the next visit before a byte of that shard is handed out, and fetches only that shard again', async () => {
    await flipStoredByte('sample/onnx/weights.bin/1', 77);
    nextVisit();
    const source = (await store.openStored('sample')).get('onnx/weights.bin')!;
    const [first, second] = sample.manifest.files[1]!.shards;
    await source.read(0, first!.bytes);
    await expect(source.read(first!.bytes + 500, 10)).rejects.toMatchObject({
      code: 'integrity',
      detail: { model: 'sample', path: 'onnx/weights.bin', shard: 1 },
    });
    await expect(source.blob(0, source.size)).rejects.toMatchObject({ code: 'integrity' });
    await expect(store.openStored('sample')).rejects.toMatchObject({ code: 'no-model' });
    server.log.length = 0;
    await store.install(sample.manifest);
    expect(server.log).toMatchObject([{ path: '/onnx/weights.bin', from: second!.offset, sent: second!.bytes }]);
    expect(digests(await readAll(await store.openStored('sample')))).toEqual(digests(sample.contents));
    // What was opened before holds the old Blob, and must not pass for the new one.
    await expect(source.read(first!.bytes, 10)).rejects.toMatchObject({ code: 'integrity' });
  });

  it('names every damaged shard at the first one touched, so that one install mends all', async () => {
    await flipStoredByte('sample/onnx/weights.bin/0', 1);
    await flipStoredByte('sample/model.gguf/1', 1);
    nextVisit();
    const source = (await store.openStored('sample')).get('onnx/weights.bin')!;
    await expect(source.read(0, 1)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringMatching(/weights\.bin, part 1.*gguf, part 2/) as string,
    });
    server.log.length = 0;
    await store.install(sample.manifest);
    expect(server.log.map(({ path }) => path).sort()).toEqual(['/model.gguf.1', '/onnx/weights.bin']);
    await expect(store.verify('sample')).resolves.toEqual({ damaged: [] });
  });

  it.each([
    ['missing', async () => shardTable().delete(['sample/model.gguf/1'])],
    [
      'short',
      async () => {
        const stored = (await shardTable().get('sample/model.gguf/1'))!;
        await shardTable().set('sample/model.gguf/1', { ...stored, blob: stored.blob.slice(1) });
      },
    ],
  ])('with a %s shard does not open, and only that is fetched again', async (_, damage) => {
    await damage();
    await expect(store.openStored('sample')).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('model.gguf, part 2') as string,
    });
    server.log.length = 0;
    await store.install(sample.manifest);
    expect(server.log.map(({ path }) => path)).toEqual(['/model.gguf.1']);
  });

  it('is verified shard by shard', async () => {
    await expect(store.verify('sample')).resolves.toEqual({ damaged: [] });
    await flipStoredByte('sample/model.gguf/0', 1);
    await flipStoredByte('sample/config.json/0', 1);
    const seen: number[] = [];
    const damaged = await store.verify('sample', {
      onProgress: (progress) => progress.phase === 'verify' && seen.push(progress.bytesDone),
    });
    expect(damaged.damaged).toEqual([
      { path: 'config.json', shard: 0 },
      { path: 'model.gguf', shard: 0 },
    ]);
    expect(seen.at(-1)).toBe(sample.manifest.bytes);
    expect(await storedKeys()).not.toContain('sample/model.gguf/0');
    expect((await store.report()).models).toEqual([]);
  });

  it('is exported byte for byte', async () => {
    const blob = await store.exportFile('sample', 'model.gguf');
    expect(digests(new Map([['', new Uint8Array(await blob.arrayBuffer())]]))).toEqual(
      digests(new Map([['', sample.contents.get('model.gguf')!]])),
    );
    await expect(store.exportFile('sample', 'other')).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('is removed with everything of it', async () => {
    const other = { ...structuredClone(sample.manifest), id: 'sample-2' };
    await store.install(other);
    await store.remove('sample');
    expect((await store.report()).models.map(({ id }) => id)).toEqual(['sample-2']);
    expect((await store.report()).partial).toEqual([]);
    expect((await storedKeys()).every((key) => key.startsWith('sample-2/'))).toBe(true);
    await expect(store.openStored('sample')).rejects.toMatchObject({ code: 'no-model' });
  });

  it.each(['phi-shards', 'phi-manifests'])('is mended when the browser deletes %s', async (database) => {
    const deletion = indexedDB.deleteDatabase(database);
    await new Promise((resolve) => (deletion.onsuccess = resolve));
    if (database === 'phi-manifests') {
      const kept = sample.manifest.bytes;
      expect((await store.report()).partial).toEqual([{ id: 'sample', manifest: null, bytesStored: kept }]);
    }
    server.log.length = 0;
    await store.install(sample.manifest);
    expect(server.log.reduce((sum, { sent }) => sum + sent, 0)).toBe(
      database === 'phi-shards' ? sample.manifest.bytes : 0,
    );
    expect(digests(await readAll(await store.openStored('sample')))).toEqual(digests(sample.contents));
  });

  it('counts as absent when its manifest was written by something else', async () => {
    const open = indexedDB.open('phi-manifests');
    const db = await new Promise<IDBDatabase>((resolve) => (open.onsuccess = () => resolve(open.result)));
    db.transaction('values', 'readwrite').objectStore('values').put({ format: 99 }, 'sample');
    db.close();
    expect(await store.find('sample')).toBeNull();
    expect((await store.report()).models).toEqual([]);
  });
});

describe('without room', () => {
  it('a download stops, says how much is missing, and goes on when there is room', async () => {
    const end = limitRoom(50_000);
    const error = await store
      .install(sample.manifest)
      .catch((cause: unknown) => cause as { detail: Record<string, number> });
    expect(error).toMatchObject({
      code: 'quota',
      message: expect.stringMatching(/no room for Sample.*missing/) as string,
    });
    const { detail } = error as { detail: Record<string, number> };
    expect(detail.missingBytes! + detail.storedBytes!).toBe(sample.manifest.bytes);
    expect(detail.storedBytes).toBeGreaterThan(0);
    end();
    server.log.length = 0;
    await store.install(sample.manifest);
    expect(server.log.reduce((sum, { sent }) => sum + sent, 0)).toBe(detail.missingBytes);
  });

  it('made forms go before a download fails', async () => {
    const model = await store.install({ ...structuredClone(sample.manifest), id: 'first' });
    vi.stubGlobal('navigator', { storage: { estimate: () => Promise.resolve({ usage: 0, quota: 1e9 }) } });
    expect(await store.saveForm({ model, form: 'int8', version: 1 }, 1000, chunksOf(1000))).toBe(true);
    let refused = false;
    const end = beforePut((database) => {
      if (refused || database !== 'phi-shards') return;
      refused = true;
      throw noRoom();
    });
    await store.install(sample.manifest);
    expect(refused).toBe(true);
    expect(await store.openForm({ model, form: 'int8', version: 1 })).toBeNull();
    end();
    vi.unstubAllGlobals();
  });
});

describe('kept caches', () => {
  const free = (bytes: number) =>
    vi.stubGlobal('navigator', { storage: { estimate: () => Promise.resolve({ usage: 0, quota: bytes }) } });
  const keep = (bytes: number, model = 'sample') =>
    store.caches.save({
      name: 'chat',
      model,
      header: {
        identity: 'x',
        rope: 'short',
        ids: [1],
        segments: [{ tokens: 1, parts: [{ bytes, xxh64: '' }] }],
      },
      keptSegments: 0,
      fresh: [new Blob([new Uint8Array(bytes)])],
    });
  const form = { form: 'int8', version: 1 };
  afterEach(() => vi.unstubAllGlobals());

  it('go before a download fails, and made forms stay where that is enough', async () => {
    const model = await store.install({ ...structuredClone(sample.manifest), id: 'first' });
    free(1e9);
    await store.saveForm({ model, ...form }, 1000, chunksOf(1000));
    await keep(sample.manifest.bytes);
    let refused = false;
    const end = beforePut((database) => {
      if (refused || database !== 'phi-shards') return;
      refused = true;
      throw noRoom();
    });
    await store.install(sample.manifest);
    end();
    expect(refused).toBe(true);
    expect((await store.report()).caches).toEqual({ chats: 0, bytes: 0 });
    expect(await store.openForm({ model, ...form })).not.toBeNull();
  });

  it('make room for made weights', async () => {
    const model = await store.install(sample.manifest);
    await keep(400);
    free(1800);
    expect(await store.saveForm({ model, ...form }, 800, chunksOf(800))).toBe(true);
    await keep(400);
    expect(await store.mayKeepForm(1000)).toBe(true);
    expect((await store.report()).caches.chats, 'asking deletes nothing').toBe(1);
    expect(await store.saveForm({ model, ...form }, 1000, chunksOf(1000))).toBe(true);
    expect((await store.report()).caches.bytes).toBe(0);
  });

  it('go with their model', async () => {
    await store.install(sample.manifest);
    await keep(400);
    expect((await store.report()).caches.chats).toBe(1);
    await store.remove('sample');
    expect(await new Table('phi-caches').keys()).toEqual([]);
  });
});

async function* chunksOf(...sizes: number[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (const [i, size] of sizes.entries()) yield await Promise.resolve(randomBytes(seeded(i), size));
}

describe('made weight forms', () => {
  const free = (bytes: number) =>
    vi.stubGlobal('navigator', { storage: { estimate: () => Promise.resolve({ usage: 0, quota: bytes }) } });
  beforeEach(() => store.install(sample.manifest));
  const key = (overrides = {}) => ({
    model: { ...sample.manifest, storedAt: 0, formBytes: 0 },
    form: 'int8',
    version: 1,
    ...overrides,
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('are found again by model content, form and version only', async () => {
    free(1e6);
    expect(await store.saveForm(key(), 700, chunksOf(500, 200))).toBe(true);
    const form = await store.openForm(key());
    expect(form?.size).toBe(700);
    expect([...new Uint8Array(await form!.slice(500).arrayBuffer())]).toEqual([...randomBytes(seeded(1), 200)]);
    expect(await store.openForm(key({ version: 2 }))).toBeNull();
    expect(await store.openForm(key({ form: 'float32' }))).toBeNull();
    const other: ModelManifest = structuredClone(sample.manifest);
    other.files[0]!.shards[0]!.sha256 = 'ab'.repeat(32);
    expect(await store.openForm(key({ model: other }))).toBeNull();
  });

  it('are counted with their model, and replaced by the next version', async () => {
    free(1e6);
    await store.saveForm(key(), 700, chunksOf(500, 200));
    await store.saveForm(key({ version: 2 }), 300, chunksOf(300));
    expect((await store.report()).models).toMatchObject([{ id: 'sample', formBytes: 300 }]);
  });

  it('are not made when they would take over half of the free room', async () => {
    free(1399);
    let asked = false;
    const chunks = async function* () {
      asked = true;
      yield* chunksOf(700);
    };
    expect(await store.saveForm(key(), 700, chunks())).toBe(false);
    expect(asked).toBe(false);
    free(1400);
    expect(await store.saveForm(key(), 700, chunks())).toBe(true);
  });

  it('leave nothing behind when the browser refuses them or their making fails', async () => {
    free(1e6);
    const end = limitRoom(600);
    expect(await store.saveForm(key(), 700, chunksOf(500, 200))).toBe(false);
    end();
    const failing = async function* () {
      yield* chunksOf(500);
      throw new Error('out of ideas');
    };
    await expect(store.saveForm(key(), 700, failing())).rejects.toThrow('out of ideas');
    expect((await store.report()).models[0]?.formBytes).toBe(0);
  });

  it('of two versions of the app that make them at once are whole or absent, never mixed', async () => {
    free(1e6);
    const newer = new ModelStore(impatient(server.origin));
    const wait = { resume: () => undefined as void };
    const slow = async function* () {
      yield* chunksOf(500);
      await new Promise<void>((resolve) => (wait.resume = resolve));
      yield* chunksOf(200);
    };
    // The older version is half-way when the newer one makes and keeps its form, and goes on after it.
    const saved = store.saveForm(key(), 700, slow());
    await vi.waitFor(async () => expect(await new Table('phi-forms').entries()).toHaveLength(1));
    expect(await newer.saveForm(key({ version: 2 }), 300, chunksOf(300))).toBe(true);
    wait.resume();
    await saved;
    // What the older one kept lacks its first chunk: it is not handed out, and is made again.
    expect(await store.openForm(key())).toBeNull();
    expect(await store.saveForm(key(), 700, chunksOf(500, 200))).toBe(true);
    expect((await store.openForm(key()))?.size).toBe(700);
    // The newer one makes its own again: it never reads a form of another version.
    expect(await newer.openForm(key({ version: 2 }))).toBeNull();
  });

  it('of a model that was removed meanwhile are not kept', async () => {
    free(1e6);
    const chunks = async function* () {
      yield* chunksOf(500);
      await store.remove('sample');
    };
    expect(await store.saveForm(key(), 500, chunks())).toBe(false);
    expect(await new Table('phi-forms').entries()).toEqual([]);
  });

  it('are dropped when a byte of them flips', async () => {
    free(1e6);
    await store.saveForm(key(), 700, chunksOf(500, 200));
    const end = beforePut((_database, value) =>
      value instanceof Blob ? new Blob([new Uint8Array(value.size)]) : undefined,
    );
    await store.saveForm(key(), 700, chunksOf(500, 200));
    end();
    expect(await store.openForm(key())).toBeNull();
    expect(await store.holdForm(key(), 700)).toBeNull();
  });

  it('are held in the heap up to a size, checked all the same', async () => {
    free(1e6);
    await store.saveForm(key(), 700, chunksOf(500, 200));
    const held = await store.holdForm(key(), 700);
    expect((held as Uint8Array[]).map(({ length }) => length)).toEqual([500, 200]);
    expect((held as Uint8Array[])[1]).toEqual(randomBytes(seeded(1), 200));
    expect(await store.holdForm(key(), 699)).toBeInstanceOf(Blob);
    const end = beforePut((_database, value) =>
      value instanceof Blob ? new Blob([new Uint8Array(value.size)]) : undefined,
    );
    await store.saveForm(key(), 700, chunksOf(500, 200));
    end();
    expect(await store.holdForm(key(), 700)).toBeNull();
    expect(await store.hasForm(key())).toBe(false);
  });
});

describe('an import from the disk', () => {
  const disk = () => [...sample.contents].map(([path, bytes]) => ({ path: `phi/${path}`, file: new Blob([bytes]) }));

  it('stores a folder under its name, usable and exported like a download', async () => {
    const model = await store.importFiles(disk());
    expect(model).toMatchObject({ name: 'phi', source: { name: 'from this disk' }, bytes: sample.manifest.bytes });
    nextVisit();
    expect(digests(await readAll(await store.openStored(model.id)))).toEqual(digests(sample.contents));
    expect((await store.report()).models).toHaveLength(1);
  });

  it.each([
    ['Phi-4-mini', ['Phi-4-mini/model-00001-of-00002.safetensors', 'Phi-4-mini/model-00002-of-00002.safetensors']],
    ['phi-q4', ['Downloads/phi-q4-00001-of-00003.gguf', 'Downloads/phi-q4-00002-of-00003.gguf']],
    ['phi-q4', ['Downloads/phi-q4.gguf']],
    ['Phi-4', ['Phi-4/model_q4.onnx']],
    ['model', ['model.safetensors']],
  ])('is called %s by where its files lie: %j', async (name, paths) => {
    const files = paths.map((path) => ({ path, file: new Blob([path]) }));
    expect(await store.importFiles(files)).toMatchObject({ name });
  });

  it('of the same files again writes nothing twice', async () => {
    const { id } = await store.importFiles(disk());
    const databases: string[] = [];
    const end = beforePut((database) => void databases.push(database));
    expect((await store.importFiles(disk())).id).toBe(id);
    end();
    expect(databases).not.toContain('phi-shards');
  });

  it('cuts a file in shards of 16 MiB', async () => {
    const file = new Blob([new Uint8Array(17 * 1024 * 1024).fill(7)]);
    const model = await store.importFiles([{ path: 'tiny.Q8_0.gguf', file }]);
    expect(model.name).toBe('tiny.Q8_0');
    expect(model.files[0]?.shards.map(({ bytes }) => bytes)).toEqual([16 * 1024 * 1024, 1024 * 1024]);
  });

  it('that is damaged later asks for the import again', async () => {
    const model = await store.importFiles(disk());
    await flipStoredByte(`${model.id}/config.json/0`, 3);
    expect((await store.verify(model.id)).damaged).toEqual([{ path: 'config.json', shard: 0 }]);
    await expect(store.install(model)).rejects.toMatchObject({
      code: 'integrity',
      message: expect.stringContaining('import it again') as string,
    });
    await store.importFiles(disk());
    await expect(store.verify(model.id)).resolves.toEqual({ damaged: [] });
  });

  it('is cancelled between shards, and is then listed as partial', async () => {
    const controller = new AbortController();
    const files = disk();
    const slow = { path: 'phi/slow.bin', file: new Blob([new Uint8Array(10)]) };
    const job = store.importFiles([...files, slow], {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(job).rejects.toMatchObject({ code: 'cancelled' });
    expect((await store.report()).partial).toMatchObject([{ manifest: { name: 'phi' } }]);
  });

  it.each([
    ['nothing', []],
    ['only empty files', [{ path: 'a', file: new Blob([]) }]],
  ])('of %s is refused', async (_, files) => {
    await expect(store.importFiles(files)).rejects.toMatchObject({ code: 'bad-request' });
  });

  it('refuses a path that climbs', async () => {
    await expect(store.importFiles([{ path: '../a', file: new Blob(['x']) }])).rejects.toMatchObject({
      code: 'bad-request',
    });
  });
});
