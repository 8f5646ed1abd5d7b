import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Table } from '../shared/database.ts';
import { beforePut, digests, freshDatabases, impatient, readAll } from './testing/databases.ts';
import { FaultServer } from './testing/fault-server.ts';
import { seeded } from './testing/random.ts';
import { serveSampleModel, type SampleModel } from './testing/sample-model.ts';

let server: FaultServer;
let sample: SampleModel;

beforeEach(async () => {
  freshDatabases();
  server = await new FaultServer().start();
  sample = serveSampleModel(server, seeded(11), 'shards');
});
afterEach(() => server.stop());

const hasBlob = (value: unknown): boolean =>
  value instanceof Blob || (typeof value === 'object' && value !== null && Object.values(value).some(hasBlob));

it.each([
  ['DataCloneError', 'Blobs cannot be stored here.'],
  ['UnknownError', 'Error preparing Blob/File data to be stored in object store'],
])(
  'where Blobs are refused, a model is kept as its bytes, read, checked and removed like any other: %s',
  async (name, message) => {
    vi.resetModules(); // The store remembers a refusal for the visit.
    const { refusesBlobs } = await import('./blob-table.ts');
    const { ModelStore } = await import('./store.ts');
    expect(refusesBlobs()).toBe(false);
    const restore = beforePut((_database, value) => {
      if (hasBlob(value)) throw new DOMException(message, name);
    });
    try {
      const store = new ModelStore(impatient(server.origin));
      await store.install(sample.manifest);
      const [[, raw]] = (await new Table<{ blob: unknown }>('phi-shards').entries()) as [[string, { blob: unknown }]];
      expect(raw.blob).toBeInstanceOf(ArrayBuffer);
      const next = new ModelStore(impatient(server.origin));
      expect(digests(await readAll(await next.openStored('sample')))).toEqual(digests(sample.contents));
      expect((await next.report()).withoutBlobs).toBe(true);
      await next.remove('sample');
      expect(await new Table('phi-shards').entries()).toEqual([]);
    } finally {
      restore();
    }
  },
);
