import 'fake-indexeddb/auto';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ModelManifest, StoredModel } from '../shared/protocol.ts';
import { ArrivingFiles } from './arriving.ts';
import { createContext, type StoreContext } from './context.ts';
import { evictForms, hasEarlyForm, openForm, saveEarlyForm } from './forms.ts';
import { slotsOf } from './inventory.ts';
import { putShard } from './put.ts';
import { beforePut } from './testing/databases.ts';

const bytes = Uint8Array.from({ length: 25 }, (_, i) => i + 1);
const sha256 = (part: Uint8Array) => createHash('sha256').update(part).digest('hex');

function manifestOf(id: string): ModelManifest {
  const shards = [0, 10, 20].map((offset) => ({
    url: `https://example.com/model.gguf.${offset}`,
    offset: 0,
    bytes: Math.min(10, bytes.length - offset),
    wholeUrl: true,
  }));
  return {
    format: 1,
    id,
    name: id,
    licence: { spdx: 'MIT', url: 'https://example.com/' },
    source: { name: 'test', url: 'https://example.com/' },
    bytes: bytes.length,
    files: [{ path: 'model.gguf', bytes: bytes.length, shards }],
  };
}

/** A model under way, and how its parts arrive. */
function arrivingModel(id: string) {
  const context = createContext();
  const model = manifestOf(id);
  const arriving = new ArrivingFiles(context, model);
  const arrive = async (index: number, part = bytes.slice(10 * index, 10 * index + 10)) => {
    const slot = slotsOf(model)[index]!;
    await putShard(context, slot, { bytes: part, sha256: sha256(part), etag: null }, new AbortController().signal);
    arriving.arrived(slot.key, { sha256: sha256(part) });
  };
  /** As it is stored in the end. */
  const stored = (parts = [0, 10, 20].map((at) => bytes.slice(at, at + 10))): StoredModel => ({
    ...model,
    files: model.files.map((file) => ({
      ...file,
      shards: file.shards.map((shard, i) => ({ ...shard, sha256: sha256(parts[i]!) })),
    })),
    storedAt: 0,
    formBytes: 0,
  });
  return { arriving, file: arriving.files.get('model.gguf')!, arrive, stored, context, model };
}

describe('files of a download', () => {
  it('are read as soon as the shards of a range are stored', async () => {
    const { file, arrive, arriving, stored } = arrivingModel('in-parts');
    let seen: Uint8Array | null = null;
    const across = file.read(8, 4).then((part) => (seen = part));
    await arrive(1);
    expect(await file.read(12, 3)).toEqual(bytes.slice(12, 15));
    expect(seen).toBeNull();
    await arrive(0);
    expect(await across).toEqual(bytes.slice(8, 12));
    await arrive(2);
    expect(await file.read(0, 25)).toEqual(bytes);
    await expect(file.read(20, 6)).rejects.toMatchObject({ code: 'bad-model' });
    expect(arriving.agrees(stored())).toBe(true);
  });

  it('do not agree with a model of which a part that was read was fetched again', async () => {
    const { file, arrive, arriving, stored } = arrivingModel('changed');
    await arrive(0);
    await arrive(1);
    await file.read(0, 5);
    const other = bytes.slice(10, 20).fill(7);
    await arrive(1, other);
    await arrive(2);
    const parts = [bytes.slice(0, 10), other, bytes.slice(20)];
    // The second part was replaced before anybody read it.
    expect(arriving.agrees(stored(parts))).toBe(true);
    await file.read(10, 5);
    expect(arriving.agrees(stored(parts))).toBe(false);
    expect(arriving.agrees(stored())).toBe(false);
  });

  it('reject what waits when the download fails', async () => {
    const { file, arriving } = arrivingModel('failed');
    const waiting = file.read(0, 3);
    arriving.fail(new Error('offline'));
    await expect(waiting).rejects.toThrow('offline');
  });

  it('are hashed before use where an earlier visit stored them', async () => {
    const { file, arrive, arriving, context, model } = arrivingModel('damaged');
    await arrive(0);
    const { key } = slotsOf(model)[0]!;
    context.verified.delete(key);
    const stored = (await context.tables.shards.get(key))!;
    await context.tables.shards.set(key, { ...stored, blob: new Blob([bytes.slice(0, 10).fill(9)]) });
    await expect(file.read(0, 5)).rejects.toMatchObject({ code: 'integrity' });
    expect(arriving.agrees(manifestOf('damaged') as StoredModel)).toBe(false);
  });
});

describe('weights made during a download', () => {
  const form = { form: 'int8', version: 1 };
  const made = new Uint8Array(40).fill(7);
  const open = (context: StoreContext, model: StoredModel) =>
    openForm(context, { model, ...form }, new AbortController().signal);

  it('are found when it has ended, by the shards that they were made of', async () => {
    const { arriving, file, arrive, stored, context, model } = arrivingModel('made-early');
    await context.tables.partials.set(model.id, model);
    await arrive(0);
    await file.read(0, 5);
    expect(await saveEarlyForm(context, { arriving, ...form }, made)).toBe(true);
    expect((await open(context, stored()))?.size).toBe(40);
    // Shards that they were not made of may be others.
    const parts = [0, 10, 20].map((at) => bytes.slice(at, at + 10));
    expect(await open(context, stored(parts.with(1, new Uint8Array(10))))).not.toBeNull();
    expect(await open(context, stored(parts.with(0, new Uint8Array(10))))).toBeNull();
  });

  it('outlast an interruption, as long as what they were made of is there', async () => {
    const first = arrivingModel('interrupted');
    await first.context.tables.partials.set('interrupted', first.model);
    await first.arrive(1);
    await first.file.read(10, 5);
    await saveEarlyForm(first.context, { arriving: first.arriving, ...form }, made);
    const next = arrivingModel('interrupted');
    const has = () => hasEarlyForm(next.context, { arriving: next.arriving, ...form });
    expect(await has(), 'not before its shard is known to be there').toBe(false);
    await next.arrive(1);
    expect(await has()).toBe(true);
    expect(await hasEarlyForm(next.context, { arriving: next.arriving, ...form, version: 2 })).toBe(false);
    const other = arrivingModel('interrupted');
    await other.arrive(1, new Uint8Array(10));
    expect(await hasEarlyForm(other.context, { arriving: other.arriving, ...form })).toBe(false);
  });

  it('are not kept of a shard that came in two versions, of a download that was removed, or without room', async () => {
    const twice = arrivingModel('twice');
    await twice.context.tables.partials.set('twice', twice.model);
    await twice.arrive(0);
    await twice.file.read(0, 5);
    twice.arriving.arrived(slotsOf(twice.model)[0]!.key, { sha256: sha256(new Uint8Array(10)) });
    expect(await saveEarlyForm(twice.context, { arriving: twice.arriving, ...form }, made)).toBe(false);
    const gone = arrivingModel('gone');
    expect(await saveEarlyForm(gone.context, { arriving: gone.arriving, ...form }, made)).toBe(false);
    const full = arrivingModel('full');
    await full.context.tables.partials.set('full', full.model);
    const end = beforePut(() => {
      throw new DOMException('No room.', 'QuotaExceededError');
    });
    expect(await saveEarlyForm(full.context, { arriving: full.arriving, ...form }, made)).toBe(false);
    end();
    const short = arrivingModel('short');
    await short.context.tables.partials.set('short', short.model);
    await saveEarlyForm(short.context, { arriving: short.arriving, ...form }, made);
    await evictForms(short.context); // as for a shard
    expect(await saveEarlyForm(short.context, { arriving: short.arriving, ...form }, made)).toBe(false);
    for (const { context, model } of [twice, gone, full, short])
      expect(await context.tables.forms.keys(`${model.id}/`)).toEqual([]);
  });
});
