/** Looks into the kept KV caches from outside, past all of the app's code. Database and layout: workers/store/kept-caches.ts. */
import type { Page } from 'playwright';
import type { CacheEntry } from '../../workers/store/tables.ts';

/** A kept cache: its key, and how many tokens it has. */
export interface KeptCache {
  key: string;
  tokens: number;
  bytes: number;
  /** Milliseconds since 1970. */
  usedAt: number;
}

/** Runs in the page. `damage`: flips a bit in the middle of each segment. */
async function visit(damage: boolean): Promise<KeptCache[]> {
  const settle = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error(request.error?.message ?? 'IndexedDB failed'));
    });
  if (!(await indexedDB.databases()).some(({ name }) => name === 'phi-caches')) return [];
  const database = await settle(indexedDB.open('phi-caches'));
  try {
    const store = (mode: IDBTransactionMode) => database.transaction('values', mode).objectStore('values');
    const keys = (await settle(store('readonly').getAllKeys())) as string[];
    const values = (await settle(store('readonly').getAll())) as unknown[];
    const found: KeptCache[] = [];
    for (const [i, value] of values.entries()) {
      if (value instanceof Blob) {
        if (!damage) continue;
        const bytes = new Uint8Array(await value.arrayBuffer());
        bytes[bytes.length >> 1]! ^= 4;
        await settle(store('readwrite').put(new Blob([bytes]), keys[i]));
        continue;
      }
      const { json, bytes, usedAt } = value as CacheEntry;
      found.push({ key: keys[i]!, tokens: (JSON.parse(json) as { ids: number[] }).ids.length, bytes, usedAt });
    }
    return found;
  } finally {
    database.close();
  }
}

export const keptCaches = (page: Page): Promise<KeptCache[]> => page.evaluate(visit, false);

export const damageKeptCaches = (page: Page): Promise<KeptCache[]> => page.evaluate(visit, true);
