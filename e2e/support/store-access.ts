/** Looks into the page's shard store from outside, past all of the app's code. Database and layout: workers/store/tables.ts. */
import type { Page } from 'playwright';
import type { FormHeader, StoredShard } from '../../workers/store/tables.ts';

interface Query {
  /** Index of the shard to damage, in the order of its key; null: only look. */
  corrupt: number | null;
}

/** Runs in the page. URLs of the stored shards, without their folder, and the one that was damaged. */
async function visit({ corrupt }: Query): Promise<{ stored: string[]; damaged: string | null }> {
  const settle = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error(request.error?.message ?? 'IndexedDB failed'));
    });
  const nameOf = (shard: StoredShard): string => shard.url.split('/').pop()!;
  const database = await settle(indexedDB.open('phi-shards'));
  try {
    if (!database.objectStoreNames.contains('values')) return { stored: [], damaged: null };
    const store = database.transaction('values').objectStore('values');
    const keys = (await settle(store.getAllKeys())) as string[];
    const shards = (await settle(database.transaction('values').objectStore('values').getAll())) as StoredShard[];
    const stored = shards.map(nameOf);
    if (corrupt === null) return { stored, damaged: null };
    const shard = shards[corrupt]!;
    const bytes = new Uint8Array(await shard.blob.arrayBuffer());
    bytes[bytes.length >> 1]! ^= 0x10;
    const write = database.transaction('values', 'readwrite').objectStore('values');
    await settle(write.put({ ...shard, blob: new Blob([bytes]) }, keys[corrupt]));
    return { stored, damaged: nameOf(shard) };
  } finally {
    database.close();
  }
}

/** File names of the shards that are stored, in the order of their keys. */
export const storedShards = async (page: Page): Promise<string[]> =>
  (await page.evaluate(visit, { corrupt: null })).stored;

/** Flips one bit in the middle of a stored shard; resolves with its file name. */
export async function corruptShard(page: Page, index: number): Promise<string> {
  const { damaged } = await page.evaluate(visit, { corrupt: index });
  if (damaged === null) throw new Error('Nothing is stored that could be damaged.');
  return damaged;
}

/** Sums of the made weights that are stored, by their key, once they are whole. */
export const storedForms = (page: Page): Promise<string[]> => page.evaluate(visitForms, { forget: false });

/** Deletes all made weights. */
export const forgetForms = (page: Page): Promise<string[]> => page.evaluate(visitForms, { forget: true });

/** Runs in the page. */
async function visitForms({ forget }: { forget: boolean }): Promise<string[]> {
  const settle = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error(request.error?.message ?? 'IndexedDB failed'));
    });
  const database = await settle(indexedDB.open('phi-forms'));
  try {
    if (!database.objectStoreNames.contains('values')) return [];
    const store = () => database.transaction('values', 'readwrite').objectStore('values');
    if (forget) await settle(store().clear());
    const keys = (await settle(store().getAllKeys())) as string[];
    // Chunks are Blobs, or ArrayBuffers where the browser stores no Blobs.
    const values = (await settle(store().getAll())) as (Blob | ArrayBuffer | FormHeader)[];
    return values.flatMap((value, i) =>
      !('chunks' in value) ? [] : [`${keys[i]} ${value.chunks.map(({ bytes, xxh64 }) => `${bytes} ${xxh64}`).join()}`],
    );
  } finally {
    database.close();
  }
}
