/** Reads the browser's databases without the app's code. Layout: workers/store/tables.ts, src/chat/records.ts. */
import type { Page } from 'playwright';
import type { Conversation, Message } from '../../src/chat/conversation.ts';
import type { StoredModel } from '../../workers/shared/protocol.ts';
import type { StoredShard } from '../../workers/store/tables.ts';

export interface Inventory {
  /** Models that count as stored, and for each the shards whose bytes are not what the manifest says. */
  models: { id: string; wrong: string[] }[];
  conversations: Conversation[];
  /** Texts that were typed and not sent. */
  drafts: string[];
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
  const chats = await entries('phi-conversations');
  const messages = chats
    .filter(([key]) => key.startsWith('m:'))
    .map(([key, value]) => ({ key, ...(value as Message & { position: number }) }))
    .sort((a, b) => a.position - b.position);
  const conversations = chats
    .filter(([key]) => key.startsWith('c:'))
    .map(([key, head]) => ({
      ...(head as Conversation),
      // Imported ones are whole until something changes in them.
      messages: [
        ...((head as Partial<Conversation>).messages ?? []),
        ...messages.filter((message) => message.key.startsWith(`m:${key.slice(2)}/`)),
      ],
    }));
  const forms = (await entries('phi-forms')).filter(([, value]) => !(value instanceof Blob)).length;
  const drafts = chats.filter(([key]) => key.startsWith('d:')).map(([, draft]) => draft as string);
  return { models, conversations, drafts, forms };
}

export const inspect = (page: Page): Promise<Inventory> => page.evaluate(look);
