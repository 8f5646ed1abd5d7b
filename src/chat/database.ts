/**
 * Conversations in IndexedDB, in a database of their own. Three kinds of records in one store, so that the list opens without
 * reading a single message: `s:<id>` summary, `c:<id>` conversation, `d:<id>` draft.
 */
import { createStore, delMany, get, promisifyRequest, set, setMany } from 'idb-keyval';
import type { UseStore } from 'idb-keyval';
import { PhiError } from '../../workers/shared/errors.ts';
import type { Conversation, Summary } from './conversation.ts';
import { summaryOf } from './conversation.ts';
import { parseConversation, parseSummary } from './schema.ts';

const DATABASE = 'phi-conversations';
const NEW_CHAT = 'new';

const range = (prefix: string) => IDBKeyRange.bound(prefix, `${prefix}\uffff`);

export class ConversationDatabase {
  readonly #store: UseStore;

  constructor(name = DATABASE) {
    this.#store = createStore(name, 'records');
  }

  /** Every readable list entry, unordered. */
  async summaries(): Promise<Summary[]> {
    const values = await this.#guard(
      this.#store('readonly', (store) => promisifyRequest<unknown[]>(store.getAll(range('s:')))),
    );
    return values.map(parseSummary).filter((summary) => summary !== null);
  }

  /** The conversation, or null when there is none with that id. */
  async read(id: string): Promise<Conversation | null> {
    const value = await this.#guard(get<unknown>(`c:${id}`, this.#store));
    return value === undefined ? null : parseConversation(value);
  }

  /** All records in one transaction. */
  write(...conversations: Conversation[]): Promise<void> {
    return this.#guard(setMany(conversations.flatMap(recordsOf), this.#store));
  }

  /** Changes what is stored, whoever wrote it last, in one transaction. Resolves with false when there is nothing with that id. */
  async update(id: string, change: (conversation: Conversation) => Conversation): Promise<boolean> {
    const run = (store: IDBObjectStore) =>
      new Promise<boolean>((resolve, reject) => {
        const { transaction } = store;
        const request = store.get(`c:${id}`) as IDBRequest<unknown>;
        let found = false;
        let problem: unknown;
        request.onsuccess = () => {
          if (request.result === undefined) return;
          found = true;
          try {
            for (const [key, value] of recordsOf(change(parseConversation(request.result)))) store.put(value, key);
          } catch (cause) {
            problem = cause;
            transaction.abort();
          }
        };
        transaction.oncomplete = () => resolve(found);
        transaction.onabort = () => reject(PhiError.from(problem ?? transaction.error, 'storage'));
      });
    return this.#guard(this.#store('readwrite', run));
  }

  remove(id: string): Promise<void> {
    return this.#guard(delMany([`c:${id}`, `s:${id}`, `d:${id}`], this.#store));
  }

  /** Text typed but not sent; `null` is the chat that does not exist yet. */
  async readDraft(id: string | null): Promise<string> {
    const value = await this.#guard(get<unknown>(`d:${id ?? NEW_CHAT}`, this.#store));
    return typeof value === 'string' ? value : '';
  }

  writeDraft(id: string | null, draft: string): Promise<void> {
    const key = `d:${id ?? NEW_CHAT}`;
    return this.#guard(draft === '' ? delMany([key], this.#store) : set(key, draft, this.#store));
  }

  /** Ids of conversations with `query` in the title or in any message, ignoring case; read one at a time. */
  async search(query: string): Promise<Set<string>> {
    const needle = query.toLocaleLowerCase();
    const found = new Set<string>();
    const scan = (store: IDBObjectStore) =>
      new Promise<void>((resolve, reject) => {
        const request = store.openCursor(range('c:'));
        request.onerror = () =>
          reject(request.error ?? new PhiError('storage', 'The search could not read the conversations.'));
        request.onsuccess = () => {
          const cursor = request.result;
          if (!cursor) return resolve();
          if (typeof cursor.key === 'string' && matches(cursor.value, needle)) found.add(cursor.key.slice('c:'.length));
          cursor.continue();
        };
      });
    await this.#guard(this.#store('readonly', scan));
    return found;
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      throw PhiError.from(cause, 'storage');
    }
  }
}

function recordsOf(conversation: Conversation): [string, unknown][] {
  return [
    [`c:${conversation.id}`, conversation],
    [`s:${conversation.id}`, summaryOf(conversation)],
  ];
}

/** Reads of a record only what it needs, because a damaged one must not end the search. */
function matches(record: unknown, needle: string): boolean {
  if (typeof record !== 'object' || record === null) return false;
  const { title, messages } = record as { title?: unknown; messages?: unknown };
  const contents = Array.isArray(messages)
    ? messages.map((message: { content?: unknown } | null) => message?.content)
    : [];
  return [title, ...contents].some((text) => typeof text === 'string' && text.toLocaleLowerCase().includes(needle));
}
