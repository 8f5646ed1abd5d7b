/** Conversations in IndexedDB, in a database of their own; layout: records.ts. The list opens without reading a single message. */
import { get, promisifyRequest } from 'idb-keyval';
import type { UseStore } from 'idb-keyval';
import { connect, keysFrom } from '../../workers/shared/connection.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type { Conversation, Patch, Summary } from './conversation.ts';
import {
  changedEntries,
  entriesOf,
  isWhole,
  joinRecords,
  keepChoices,
  keepDocuments,
  keepFolders,
  messageEntry,
  messagePrefix,
  allowParts,
  wholeEntries,
} from './records.ts';
import { parseConversation, parseSummary } from './schema.ts';

const DATABASE = 'phi-conversations';
const NEW_CHAT = 'new';
/** Records that a search holds at once: conversations, which may be whole, and messages. */
const SEARCHED = [
  ['c:', 100],
  ['m:', 1_000],
] as const;
/** Records written before the page gets a turn. */
const WRITE_BATCH = 1_000;
/** The same of whole conversations: an import may have 100 MB of them. */
const WHOLE_BATCH = 50;

/** Whose draft was sent with a write: it goes in the same transaction. null: that of the chat that did not exist yet. */
export interface Sent {
  draftOf: string | null;
}

const draftKey = (id: string | null) => `d:${id ?? NEW_CHAT}`;

export class ConversationDatabase {
  readonly #use: UseStore;

  constructor(name = DATABASE) {
    this.#use = connect({
      database: name,
      store: 'records',
      migrations: [allowParts, keepChoices, keepDocuments, keepFolders],
    });
  }

  /** Every readable list entry, unordered. */
  async summaries(): Promise<Summary[]> {
    const values = await this.#guard(
      this.#use('readonly', (store) => promisifyRequest<unknown[]>(store.getAll(keysFrom('s:')))),
    );
    return values.map(parseSummary).filter((summary) => summary !== null);
  }

  /** The conversation, or null when there is none with that id. */
  async read(id: string): Promise<Conversation | null> {
    const [head, messages] = await this.#guard(
      this.#use('readonly', (store) =>
        Promise.all([
          promisifyRequest<unknown>(store.get(`c:${id}`)),
          promisifyRequest<unknown[]>(store.getAll(keysFrom(messagePrefix(id)))),
        ]),
      ),
    );
    return head === undefined ? null : joinRecords(head, messages);
  }

  /** Conversations that are not there, in one transaction. */
  write(conversations: readonly Conversation[], sent?: Sent): Promise<void> {
    return this.#inTransaction((store) => {
      if (sent) store.delete(draftKey(sent.draftOf));
      // The last records are put without a wait, so that a new chat is stored even if the page closes now.
      putAll(store, conversations.flatMap(entriesOf), WRITE_BATCH, () => store.transaction.commit());
    });
  }

  /** Stores many conversations, in one record each: all of them or none. */
  writeMany(conversations: readonly Conversation[]): Promise<void> {
    return this.#inTransaction((store) => putAll(store, conversations.flatMap(wholeEntries), WHOLE_BATCH));
  }

  /**
   * Stores new messages before the change that they belong to. It reads nothing first, so that a page that closes now
   * does not lose them.
   */
  ahead(id: string, messages: Patch['messages'], sent?: Sent): Promise<void> {
    return this.#inTransaction((store) => {
      if (sent) store.delete(draftKey(sent.draftOf));
      for (const [key, value] of messages.map((entry) => messageEntry(id, entry))) store.put(value, key);
      store.transaction.commit();
    });
  }

  /** Changes what is stored, whoever wrote it last, in one transaction. Resolves with false when there is nothing with that id. */
  async apply(id: string, patch: Patch, sent?: Sent): Promise<boolean> {
    let found = false;
    await this.#inTransaction((store, fail) => {
      const request = store.get(`c:${id}`) as IDBRequest<unknown>;
      request.onsuccess = () => {
        if (request.result === undefined) return;
        found = true;
        try {
          let head: unknown = request.result;
          const apart = isWhole(head) ? entriesOf(parseConversation(head)) : [];
          if (apart.length > 0) head = new Map(apart).get(`c:${id}`);
          putAll(store, [...apart, ...changedEntries(head, patch)], WRITE_BATCH);
          if (sent) store.delete(draftKey(sent.draftOf));
        } catch (cause) {
          fail(cause);
        }
      };
    });
    return found;
  }

  remove(id: string): Promise<void> {
    return this.#inTransaction((store) => {
      for (const key of [`c:${id}`, `s:${id}`, draftKey(id), keysFrom(messagePrefix(id))]) store.delete(key);
    });
  }

  /** Everything: conversations, drafts. */
  clear(): Promise<void> {
    return this.#inTransaction((store) => void store.clear());
  }

  /** Text typed but not sent; `null` is the chat that does not exist yet. */
  async readDraft(id: string | null): Promise<string> {
    const value = await this.#guard(get<unknown>(draftKey(id), this.#use));
    return typeof value === 'string' ? value : '';
  }

  writeDraft(id: string | null, draft: string): Promise<void> {
    const key = draftKey(id);
    return this.#inTransaction((store) => {
      if (draft === '') store.delete(key);
      else store.put(draft, key);
      // Committed at once: it may be the last thing that the page does.
      store.transaction.commit();
    });
  }

  /** Ids of conversations with `query` in the title, the folder's name or any message, ignoring case. */
  async search(query: string): Promise<Set<string>> {
    const needle = query.toLocaleLowerCase();
    const found = new Set<string>();
    for (const [prefix, batch] of SEARCHED) {
      for await (const [key, value] of this.#batches(prefix, batch)) {
        const id = key.slice(prefix.length).split('/', 1)[0]!;
        if (!found.has(id) && matches(value, needle)) found.add(id);
      }
    }
    return found;
  }

  async *#batches(prefix: string, batch: number): AsyncGenerator<[string, unknown]> {
    let after: string | undefined;
    for (;;) {
      const range = keysFrom(prefix, after);
      const [keys, values] = await this.#guard(
        this.#use('readonly', (store) =>
          Promise.all([
            promisifyRequest(store.getAllKeys(range, batch)),
            promisifyRequest<unknown[]>(store.getAll(range, batch)),
          ]),
        ),
      );
      for (const [i, key] of keys.entries()) if (typeof key === 'string') yield [key, values[i]];
      if (keys.length < batch) return;
      after = keys.at(-1) as string;
    }
  }

  /** Runs `work` in one transaction and waits for its end. `fail` ends it with an error, and nothing of it is stored. */
  #inTransaction(work: (store: IDBObjectStore, fail: (cause: unknown) => void) => void): Promise<void> {
    const run = (store: IDBObjectStore) =>
      new Promise<void>((resolve, reject) => {
        const { transaction } = store;
        let problem: unknown;
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => {
          const cause = problem ?? transaction.error;
          reject(cause instanceof Error ? cause : new Error('The browser ended the transaction.'));
        };
        work(store, (cause) => {
          problem = cause;
          transaction.abort();
        });
      });
    return this.#guard(this.#use('readwrite', run));
  }

  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      throw PhiError.from(cause, 'storage');
    }
  }
}

/** Puts records `batch` at a time, each batch when the one before has been taken; `last` is called with the last batch. */
function putAll(
  store: IDBObjectStore,
  entries: readonly (readonly [string, unknown])[],
  batch: number,
  last: () => void = () => undefined,
): void {
  const putFrom = (start: number): void => {
    const end = Math.min(start + batch, entries.length);
    let request: IDBRequest | undefined;
    for (const [key, value] of entries.slice(start, end)) request = store.put(value, key);
    if (request && end < entries.length) request.onsuccess = () => putFrom(end);
    else last();
  };
  putFrom(0);
}

/** Reads only the fields that it needs, because a damaged record must not end the search. */
function matches(record: unknown, needle: string): boolean {
  if (typeof record !== 'object' || record === null) return false;
  const { title, folder, content } = record as { title?: unknown; folder?: unknown; content?: unknown };
  const whole = isWhole(record) ? record.messages : [];
  const contents = whole.map((message: { content?: unknown } | null) => message?.content);
  return [title, folder, content, ...contents].some(
    (text) => typeof text === 'string' && text.toLocaleLowerCase().includes(needle),
  );
}
