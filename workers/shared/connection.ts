/**
 * One connection to an IndexedDB database with one object store, as idb-keyval's functions take it (`UseStore`). Beyond what idb-keyval's own
 * `createStore` does, it
 *
 * - brings an older layout up to date, step by step, in the transaction of the upgrade: a database is never half of one version;
 * - adds the object store to a database that lacks it, which happens when something else opened that name first;
 * - closes when another tab upgrades or deletes the database, and opens again at the next operation;
 * - comes back from a connection that the browser closed ("clear site data", eviction): every operation is tried once more.
 *
 * IndexedDB's version number holds two things: the layout times 100, and how often the object store had to be added. Layout 1 is the exception and
 * begins at 1, because version 0.1 of the app opened its databases without a number.
 */
import type { UseStore } from 'idb-keyval';
import { PhiError } from './errors.ts';

/** Brings a store from one layout to the next, inside the transaction of the upgrade: it may only wait for requests of that transaction. */
export type Migration = (store: IDBObjectStore) => void;

export interface StoreDefinition {
  database: string;
  store: string;
  /** From layout 1 to 2, from 2 to 3, and so on. */
  migrations?: readonly Migration[];
  /** How long to wait for another tab that holds an older layout open. */
  blockedMs?: number;
}

/** Tabs of a former version close or reload within this time when they are updated together. */
const BLOCKED_MS = 5_000;
const LAYOUT_STEP = 100;

/** Keys that begin with `prefix`; with `after`, those of them that come behind this key. */
export const keysFrom = (prefix: string, after?: string): IDBKeyRange =>
  IDBKeyRange.bound(after ?? prefix, `${prefix}\uffff`, after !== undefined);

const versionOf = (layout: number): number => (layout === 1 ? 1 : layout * LAYOUT_STEP);
const layoutOf = (version: number): number => Math.max(1, Math.floor(version / LAYOUT_STEP));

function storageError(database: string, cause: unknown): PhiError {
  if (cause instanceof PhiError) return cause;
  const { name, message } = cause instanceof Error ? cause : { name: 'Error', message: String(cause) };
  if (name === 'QuotaExceededError') return PhiError.from(cause);
  const what = `The browser's database "${database}" failed (${name}: ${message}).`;
  return new PhiError(
    'storage',
    `${what} Reload the page. If that does not help, clear this site's data.`,
    { database },
    { cause },
  );
}

const newerError = (database: string): PhiError =>
  new PhiError(
    'newer-version',
    `A newer version of this app wrote the database "${database}". It runs in another tab, or ran here before. Nothing was changed. Reload the page to get that version.`,
    { database },
  );

const blockedError = (database: string): PhiError =>
  new PhiError(
    'storage',
    `The database "${database}" cannot be updated, because another tab still uses it with an older version of this app. Close or reload the other tabs of this app, then reload this page.`,
    { database },
  );

/** Opens at `version`, or at whatever version there is. The promise rejects with `VersionError` when what is there is newer. */
function request(
  { database, store, migrations = [] }: StoreDefinition,
  version: number | undefined,
  onBlocked: () => void,
): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(database, version);
    opening.onblocked = onBlocked;
    opening.onupgradeneeded = ({ oldVersion }) => {
      const { result, transaction } = opening;
      if (!result.objectStoreNames.contains(store)) result.createObjectStore(store);
      else if (oldVersion > 0) {
        const steps = migrations.slice(layoutOf(oldVersion) - 1, layoutOf(result.version) - 1);
        for (const migrate of steps) migrate(transaction!.objectStore(store));
      }
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error ?? new Error('The database could not be opened.'));
  });
}

async function open(definition: StoreDefinition, onBlocked: () => void): Promise<IDBDatabase> {
  const layout = (definition.migrations?.length ?? 0) + 1;
  let database: IDBDatabase;
  try {
    database = await request(definition, versionOf(layout), onBlocked);
  } catch (cause) {
    if (!(cause instanceof Error && cause.name === 'VersionError')) throw cause;
    database = await request(definition, undefined, onBlocked);
    if (layoutOf(database.version) > layout) {
      database.close();
      throw newerError(definition.database);
    }
  }
  if (database.objectStoreNames.contains(definition.store)) return database;
  const next = database.version + 1;
  database.close();
  return request(definition, next, onBlocked);
}

/** A connection from the moment it is asked for. */
class Connection {
  /** null: not open yet. */
  database: IDBDatabase | null = null;
  readonly opened: Promise<IDBDatabase>;
  /** Rejects when another tab has held the opening up for too long. The opening goes on, and a later caller finds it done. */
  readonly blocked: Promise<never>;

  /** `onGone`: the browser or this connection closed it, or it could not be opened. */
  constructor(definition: StoreDefinition, onGone: () => void) {
    let refuse: (error: PhiError) => void;
    this.blocked = new Promise((_, reject) => (refuse = reject));
    this.blocked.catch(() => undefined); // The waiting callers get the error.
    this.opened = open(definition, () => {
      setTimeout(() => refuse(blockedError(definition.database)), definition.blockedMs ?? BLOCKED_MS);
    });
    this.opened.then((database) => {
      this.database = database;
      database.onclose = onGone;
      database.onversionchange = () => {
        database.close();
        onGone();
      };
    }, onGone);
  }
}

/**
 * A connection that opens with its first use. Operations reject with `quota`, `newer-version` or `storage`. Where it is open, the transaction begins
 * in the caller's own turn, so that a page that goes away right after it does not lose it.
 */
export function connect(definition: StoreDefinition): UseStore {
  let current: Connection | undefined;
  const begin = () => {
    const mine: Connection = new Connection(definition, () => {
      if (current === mine) current = undefined;
    });
    return (current = mine);
  };
  return async (mode, callback) => {
    const attempt = async () => {
      const { database, opened, blocked } = current ?? begin();
      const open = database ?? (await Promise.race([opened, blocked]));
      return callback(open.transaction(definition.store, mode).objectStore(definition.store));
    };
    try {
      return await attempt();
    } catch (cause) {
      const final = cause instanceof PhiError || (cause instanceof Error && cause.name === 'QuotaExceededError');
      if (final) throw storageError(definition.database, cause);
      current = undefined;
      try {
        return await attempt();
      } catch (again) {
        throw storageError(definition.database, again);
      }
    }
  };
}
