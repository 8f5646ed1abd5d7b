import { delMany, get, getMany, promisifyRequest, set, type UseStore } from 'idb-keyval';
import { connect, keysFrom } from './connection.ts';

const STORE = 'values';

/** One database with one object store: string keys, values of one type. Rejects with `quota`, `newer-version` or `storage`. */
export class Table<Value> {
  readonly #use: UseStore;

  constructor(name: string) {
    this.#use = connect({ database: name, store: STORE });
  }

  get(key: string): Promise<Value | undefined> {
    return get<Value>(key, this.#use);
  }

  getMany(keys: string[]): Promise<(Value | undefined)[]> {
    return getMany<Value>(keys, this.#use);
  }

  /** Resolves when the transaction is complete. */
  set(key: string, value: Value): Promise<void> {
    return set(key, value, this.#use);
  }

  delete(keys: string[]): Promise<void> {
    return delMany(keys, this.#use);
  }

  /** Keys that begin with `prefix`, in their order. */
  keys(prefix = ''): Promise<string[]> {
    return this.#use('readonly', async (store) => {
      const keys = await promisifyRequest(store.getAllKeys(keysFrom(prefix)));
      return keys as string[];
    });
  }

  /** Deletes keys and stores values in one transaction: all of it or nothing. */
  write(entries: readonly (readonly [string, Value])[], gone: readonly string[] = []): Promise<void> {
    return this.#use('readwrite', (store) => {
      for (const key of gone) store.delete(key);
      for (const [key, value] of entries) store.put(value, key);
      return promisifyRequest(store.transaction);
    });
  }

  /** All entries whose key begins with `prefix`, in the order of their keys. */
  entries(prefix = ''): Promise<[string, Value][]> {
    const range = keysFrom(prefix);
    return this.#use('readonly', async (store) => {
      const [keys, values] = await Promise.all([
        promisifyRequest(store.getAllKeys(range)),
        promisifyRequest(store.getAll(range) as IDBRequest<Value[]>),
      ]);
      return keys.map((key, i): [string, Value] => [key as string, values[i]!]);
    });
  }

  deleteAll(prefix: string): Promise<void> {
    return this.#use('readwrite', (store) => {
      store.delete(keysFrom(prefix));
      return promisifyRequest(store.transaction);
    });
  }
}
