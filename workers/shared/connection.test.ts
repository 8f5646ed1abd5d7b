import 'fake-indexeddb/auto';
import { forceCloseDatabase, IDBFactory } from 'fake-indexeddb';
import { get, promisifyRequest, set } from 'idb-keyval';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { connect, type Migration, type StoreDefinition } from './connection.ts';

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

/** Of two layouts: the second has every value twice as large, the third has one key more. */
const double: Migration = (store) => {
  const request = store.openCursor();
  request.onsuccess = () => {
    const cursor = request.result;
    if (!cursor) return;
    cursor.update((cursor.value as number) * 2);
    cursor.continue();
  };
};
const add: Migration = (store) => void store.put(7, 'added');

const definition = (migrations: Migration[] = [], blockedMs?: number): StoreDefinition => ({
  database: 'd',
  store: 's',
  migrations,
  ...(blockedMs === undefined ? {} : { blockedMs }),
});
/** As version 0.1 opened its databases: without a number. */
const openAsBefore = (withStore = true): Promise<IDBDatabase> => {
  const request = indexedDB.open('d');
  request.onupgradeneeded = () => {
    if (withStore) request.result.createObjectStore('s');
  };
  return promisifyRequest(request);
};

async function writtenBefore(): Promise<void> {
  const database = await openAsBefore();
  const store = database.transaction('s', 'readwrite').objectStore('s');
  store.put(1, 'a');
  await promisifyRequest(store.transaction);
  database.close();
}

describe('a connection', () => {
  it('brings what a former version wrote up to date, one step after another, and once', async () => {
    await writtenBefore();
    const second = connect(definition([double]));
    expect(await get('a', second)).toBe(2);
    const third = connect(definition([double, add]));
    expect([await get('a', third), await get('added', third)]).toEqual([2, 7]);
    expect(await get('a', connect(definition([double, add])))).toBe(2);
  });

  it('leaves everything as it was when a step fails', async () => {
    await writtenBefore();
    const failing: Migration = (store) => {
      store.put(99, 'a');
      store.transaction.abort();
    };
    await expect(get('a', connect(definition([failing])))).rejects.toMatchObject({ code: 'storage' });
    expect(await get('a', connect(definition()))).toBe(1);
  });

  it('runs no step on a new database', async () => {
    expect(await get('added', connect(definition([double, add])))).toBeUndefined();
  });

  it('says that a newer version wrote it, changes nothing, and is told apart from a mended database', async () => {
    const newer = connect(definition([double]));
    await set('a', 5, newer);
    const older = connect(definition());
    await expect(set('a', 6, older)).rejects.toMatchObject({ code: 'newer-version' });
    expect(await get('a', newer)).toBe(5);
  });

  it('adds the object store where it is missing, whatever the version, and migrates such a database later', async () => {
    (await openAsBefore(false)).close();
    const mended = connect(definition());
    await set('a', 1, mended);
    expect(await get('a', connect(definition()))).toBe(1);
    expect(await get('a', connect(definition([double])))).toBe(2);
  });

  it('lets an upgrade through beside an open tab', async () => {
    const older = connect(definition());
    await set('a', 1, older);
    expect(await get('a', connect(definition([double])))).toBe(2);
    await expect(get('a', older)).rejects.toMatchObject({ code: 'newer-version' });
  });

  it('names a tab that holds up the upgrade, and goes on when that tab is gone', async () => {
    await writtenBefore();
    const tab = await openAsBefore();
    const next = connect(definition([double], 20));
    await expect(get('a', next)).rejects.toMatchObject({
      code: 'storage',
      message: expect.stringContaining('other tabs') as string,
    });
    tab.close();
    await vi.waitFor(async () => expect(await get('a', next)).toBe(2));
  });

  it('begins its transaction at once where it is open', async () => {
    const use = connect(definition());
    await set('a', 1, use);
    let begun = false;
    const done = use('readonly', () => {
      begun = true;
    });
    expect(begun).toBe(true);
    await done;
  });

  it('comes back when the browser closed it', async () => {
    const open = vi.spyOn(indexedDB, 'open');
    const use = connect(definition());
    await set('a', 1, use);
    forceCloseDatabase((open.mock.results[0]!.value as IDBOpenDBRequest).result as never);
    expect(await get('a', use)).toBe(1);
  });
});
