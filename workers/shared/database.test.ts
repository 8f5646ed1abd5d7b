import 'fake-indexeddb/auto';
import { forceCloseDatabase, IDBFactory } from 'fake-indexeddb';
import { beforeEach, expect, it, vi } from 'vitest';
import { Table } from './database.ts';

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

const done = (request: IDBOpenDBRequest) =>
  new Promise<IDBDatabase>((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error('failed'));
    request.onblocked = () => reject(new Error('blocked'));
  });

it('lists and deletes by prefix', async () => {
  const table = new Table<number>('t');
  for (const [i, key] of ['a/1', 'a/2', 'ab/1', 'b/1'].entries()) await table.set(key, i);
  expect(await table.entries('a/')).toEqual([
    ['a/1', 0],
    ['a/2', 1],
  ]);
  await table.deleteAll('a/');
  expect((await table.entries()).map(([key]) => key)).toEqual(['ab/1', 'b/1']);
});

it('lets go of a database that is deleted behind its back, and begins a new one', async () => {
  const table = new Table<number>('t');
  await table.set('a', 1);
  await done(indexedDB.deleteDatabase('t'));
  expect(await table.get('a')).toBeUndefined();
  await table.set('a', 2);
  expect(await table.get('a')).toBe(2);
});

it('comes back when the browser closes the connection', async () => {
  const open = vi.spyOn(indexedDB, 'open');
  const table = new Table<number>('t');
  await table.set('a', 1);
  forceCloseDatabase((open.mock.results[0]!.value as IDBOpenDBRequest).result as never);
  expect(await table.get('a')).toBe(1);
  expect(open).toHaveBeenCalledTimes(2);
});

it('adds its object store to a database that something else made empty', async () => {
  (await done(indexedDB.open('t'))).close();
  const table = new Table<number>('t');
  await table.set('a', 1);
  expect(await table.get('a')).toBe(1);
});

it('names the database in its errors, and keeps quota apart', async () => {
  const table = new Table<unknown>('t');
  await expect(table.set('a', () => undefined)).rejects.toMatchObject({
    code: 'storage',
    message: expect.stringContaining('"t"') as string,
  });
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementationOnce(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  await expect(table.set('a', 1)).rejects.toMatchObject({ code: 'quota' });
});
