/** What lies in the browser's databases, read past all of the app's code. Layout: workers/store/tables.ts, src/chat/database.ts. */
import type { Page } from 'playwright';
import type { Conversation } from '../../src/chat/conversation.ts';
import type { StoredModel } from '../../workers/shared/protocol.ts';
import type { StoredShard } from '../../workers/store/tables.ts';

export interface Inventory {
  /** Models that count as stored, and for each the shards whose bytes are not what the manifest says. */
  models: { id: string; wrong: string[] }[];
  conversations: Conversation[];
  /** Made weight forms that are whole. */
  forms: number;
}

/** Runs in the page. */
async function look(): Promise<Inventory> {
  const settle = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error(request.error?.message ?? 'IndexedDB failed'));
    });
  const entries = async (name: string): Promise<[string, unknown][]> => {
    const known = await indexedDB.databases();
    if (!known.some((database) => database.name === name)) return [];
    const database = await settle(indexedDB.open(name));
    try {
      const table = database.objectStoreNames[0];
      if (table === undefined) return [];
      const [keys, values] = await Promise.all([
        settle(database.transaction(table).objectStore(table).getAllKeys()),
        settle(database.transaction(table).objectStore(table).getAll() as IDBRequest<unknown[]>),
      ]);
      return keys.map((key, i) => [key as string, values[i]]);
    } finally {
      database.close();
    }
  };
  const sha256 = async (blob: Blob): Promise<string> =>
    Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');

  const shards = new Map((await entries('phi-shards')) as [string, StoredShard][]);
  const models: Inventory['models'] = [];
  for (const [, value] of await entries('phi-manifests')) {
    const { id, files } = value as StoredModel;
    const wrong: string[] = [];
    for (const file of files) {
      for (const [index, shard] of file.shards.entries()) {
        const key = `${id}/${file.path}/${index}`;
        const stored = shards.get(key);
        if (stored?.blob.size !== shard.bytes || (await sha256(stored.blob)) !== (shard.sha256 ?? stored.sha256))
          wrong.push(key);
      }
    }
    models.push({ id, wrong });
  }
  const conversations = (await entries('phi-conversations'))
    .filter(([key]) => key.startsWith('c:'))
    .map(([, value]) => value as Conversation);
  const forms = (await entries('phi-forms')).filter(([, value]) => !(value instanceof Blob)).length;
  return { models, conversations, forms };
}

export const inspect = (page: Page): Promise<Inventory> => page.evaluate(look);
