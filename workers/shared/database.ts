import { delMany, get, getMany, promisifyRequest, set, type UseStore } from 'idb-keyval';
import { PhiError } from './errors.ts';

const STORE = 'values';

function storageError(database: string, cause: unknown): PhiError {
  const { name, message } = cause instanceof Error ? cause : { name: 'Error', message: String(cause) };
  if (name === 'QuotaExceededError') return PhiError.from(cause);
  const what = `The browser's database "${database}" failed (${name}: ${message}).`;
  return new PhiError(
    'storage',
    `${what} Reload the page; if it stays so, clear this site's data.`,
    { database },
    { cause },
  );
}

function openDatabase(name: string, version?: number): Promise<IDBDatabase> {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const opened = promisifyRequest(request).then((db) => {
    if (db.objectStoreNames.contains(STORE)) return db;
    // Something else opened a database of this name first and left it without our object store.
    const next = db.version + 1;
    db.close();
    return openDatabase(name, next);
  });
  const blocked = new Promise<never>((_, reject) => {
    request.onblocked = () => reject(new Error('another tab holds an older version of it open'));
  });
  return Promise.race([opened, blocked]);
}

/**
 * idb-keyval's own `createStore` neither lets go of a database that is being deleted nor comes back from a connection that the
 * browser closed under it ("clear site data", eviction). This one does both; every operation is tried once more on a fresh connection.
 */
function connection(name: string): UseStore {
  let current: Promise<IDBDatabase> | undefined;
  const connect = () => {
    const mine = openDatabase(name);
    const forget = () => {
      if (current === mine) current = undefined;
    };
    current = mine;
    mine.then((db) => {
      db.onclose = forget;
      db.onversionchange = () => {
        db.close();
        forget();
      };
    }, forget);
    return mine;
  };
  return async (mode, callback) => {
    const attempt = async () => callback((await (current ?? connect())).transaction(STORE, mode).objectStore(STORE));
    try {
      return await attempt();
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'QuotaExceededError') throw storageError(name, cause);
      current = undefined;
      try {
        return await attempt();
      } catch (again) {
        throw storageError(name, again);
      }
    }
  };
}

/** One database with one object store: string keys, values of one type. Rejects with `quota` or `storage`. */
export class Table<Value> {
  readonly #use: UseStore;

  constructor(name: string) {
    this.#use = connection(name);
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

  /** All entries whose key begins with `prefix`, in the order of their keys. */
  entries(prefix = ''): Promise<[string, Value][]> {
    const range = IDBKeyRange.bound(prefix, prefix + '\uffff');
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
      store.delete(IDBKeyRange.bound(prefix, prefix + '\uffff'));
      return promisifyRequest(store.transaction);
    });
  }
}
