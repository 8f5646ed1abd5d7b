/** Shared by the unit tests of the store: a fresh database, an impatient network, a look at what lies in IndexedDB. */
import { createHash } from 'node:crypto';
import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { Table } from '../../shared/database.ts';
import type { Net } from '../net.ts';
import type { StoredShard } from '../tables.ts';
import type { ModelFiles } from '../bytes.ts';

export function freshDatabases(): void {
  globalThis.indexedDB = new IDBFactory();
}

/** As the app has it, but with pauses for a test; `origin` says which server counts as the page's own. */
export function impatient(origin: string, stallMs = 5_000): Partial<Net> {
  return { fetch: (input, init) => fetch(input, init), origin, stallMs, backoffMs: 1, retries: 6 };
}

export const shardTable = () => new Table<StoredShard>('phi-shards');

/** Flips one byte of a stored shard, as a failing disk would. */
export async function flipStoredByte(key: string, at: number): Promise<void> {
  const table = shardTable();
  const stored = (await table.get(key))!;
  const bytes = new Uint8Array(await stored.blob.arrayBuffer());
  bytes[at]! ^= 1;
  await table.set(key, { ...stored, blob: new Blob([bytes]) });
}

/** SHA-256 by path: what is compared, because a difference of whole contents is unreadable. */
export function digests(contents: ReadonlyMap<string, Uint8Array>): Record<string, string> {
  return Object.fromEntries(
    [...contents].map(([path, bytes]) => [path, createHash('sha256').update(bytes).digest('hex')]),
  );
}

export async function readAll(files: ModelFiles): Promise<Map<string, Uint8Array>> {
  const entries = [...files.values()].map(async (source): Promise<[string, Uint8Array]> => [
    source.name,
    await source.read(0, source.size),
  ]);
  return new Map(await Promise.all(entries));
}

/**
 * Sees every IndexedDB write before it happens; may throw, or return another value to be written.
 * @returns how to end that
 */
export function beforePut(
  hook: (database: string, value: unknown, key: IDBValidKey | undefined, transaction: IDBTransaction) => unknown,
): () => void {
  const original = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, 'put')!;
  const put = original.value as IDBObjectStore['put'];
  Object.defineProperty(IDBObjectStore.prototype, 'put', {
    ...original,
    value(this: IDBObjectStore, value: unknown, key?: IDBValidKey) {
      return put.call(this, hook(this.transaction.db.name, value, key, this.transaction) ?? value, key);
    },
  });
  return () => Object.defineProperty(IDBObjectStore.prototype, 'put', original);
}
