/**
 * Everything that an origin keeps (every IndexedDB database, and localStorage) as one compressed file, and the way back into a fresh profile.
 * Values keep their kinds: Blobs, typed arrays, dates, undefined and numbers that JSON lacks are tagged.
 *
 * The file is compressed with Brotli. Inside: the length of the JSON (uint32, little-endian), the JSON, then the bytes of all Blobs.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { Page } from 'playwright';
import { needFixture } from './fixtures.ts';

/** Place of a Blob's bytes: in a fixture of the repository, so that they are not kept twice, or (`path` null) behind the JSON. */
interface Place {
  path: string | null;
  offset: number;
  bytes: number;
}

/** A value that JSON has no word for. A Blob has its bytes as `base64` on the way to and from the page, and a `place` in the file. */
type Tagged =
  | { $: 'blob'; type: string; base64?: string; place?: Place }
  | { $: 'bytes'; base64: string }
  | { $: 'date'; time: number }
  | { $: 'number'; name: 'NaN' | 'Infinity' | '-Infinity' }
  | { $: 'undefined' };

const LENGTH_BYTES = 4;

interface RecordedObjectStore {
  name: string;
  keyPath: string | string[] | null;
  autoIncrement: boolean;
  /** [key, value]; values as `Tagged` where JSON has no word for them. */
  records: [key: string, value: unknown][];
}

export interface RecordedDatabase {
  name: string;
  version: number;
  stores: RecordedObjectStore[];
}

export interface RecordedStore {
  databases: RecordedDatabase[];
  localStorage: Record<string, string>;
}

/** Runs in the page. */
async function dump(): Promise<RecordedStore> {
  const settle = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error(request.error?.message ?? 'IndexedDB failed'));
    });
  const base64 = (bytes: Uint8Array): string => {
    let text = '';
    for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
    return btoa(text);
  };
  const encode = async (value: unknown): Promise<unknown> => {
    if (value === undefined) return { $: 'undefined' };
    if (typeof value === 'number' && !Number.isFinite(value)) return { $: 'number', name: String(value) };
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value;
    if (value instanceof Blob)
      return { $: 'blob', type: value.type, base64: base64(new Uint8Array(await value.arrayBuffer())) };
    if (value instanceof Uint8Array) return { $: 'bytes', base64: base64(value) };
    if (value instanceof Date) return { $: 'date', time: value.getTime() };
    if (Array.isArray(value)) return Promise.all(value.map(encode));
    if (Object.getPrototypeOf(value) !== Object.prototype)
      throw new Error(`The recorder does not know values like ${Object.prototype.toString.call(value)}.`);
    const entries = Object.entries(value).map(async ([key, part]) => [key, await encode(part)] as const);
    return Object.fromEntries(await Promise.all(entries));
  };

  const databases: RecordedDatabase[] = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await settle(indexedDB.open(name!));
    const stores: RecordedObjectStore[] = [];
    for (const storeName of database.objectStoreNames) {
      const store = database.transaction(storeName).objectStore(storeName);
      const { keyPath, autoIncrement } = store;
      const [keys, values] = await Promise.all([
        settle(store.getAllKeys()),
        settle(store.getAll() as IDBRequest<unknown[]>),
      ]);
      const encoded = await Promise.all(values.map(encode));
      const records = keys.map((key, i): [string, unknown] => [key as string, encoded[i]]);
      stores.push({ name: storeName, keyPath, autoIncrement, records });
    }
    databases.push({ name: name!, version: database.version, stores });
    database.close();
  }
  databases.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { databases, localStorage: { ...localStorage } };
}

/** Runs in the page. Every database must be absent. */
async function restore(recorded: RecordedStore): Promise<void> {
  const settle = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(new Error(request.error?.message ?? 'IndexedDB failed'));
    });
  const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const decode = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(decode);
    if (!('$' in value)) return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, decode(part)]));
    const tagged = value as Tagged;
    switch (tagged.$) {
      case 'blob':
        return new Blob([bytesOf(tagged.base64!)], { type: tagged.type });
      case 'bytes':
        return bytesOf(tagged.base64);
      case 'date':
        return new Date(tagged.time);
      case 'number':
        return Number(tagged.name);
      case 'undefined':
        return undefined;
    }
  };
  for (const { name, version, stores } of recorded.databases) {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = (event) => {
      if (event.oldVersion > 0) throw new Error(`The profile is not fresh: it has ${name}.`);
      for (const { name: storeName, keyPath, autoIncrement } of stores)
        request.result.createObjectStore(storeName, { keyPath, autoIncrement });
    };
    const database = await settle(request);
    for (const { name: storeName, keyPath, records } of stores) {
      const store = database.transaction(storeName, 'readwrite').objectStore(storeName);
      for (const [key, value] of records) {
        if (keyPath === null) store.put(decode(value), key);
        else store.put(decode(value));
      }
      await new Promise<void>((resolve, reject) => {
        store.transaction.oncomplete = () => resolve();
        store.transaction.onabort = () =>
          reject(new Error(store.transaction.error?.message ?? 'The write was aborted.'));
      });
    }
    database.close();
  }
  for (const [key, value] of Object.entries(recorded.localStorage)) localStorage.setItem(key, value);
}

/** Every Blob among the records, to be changed in place. */
function blobsIn(value: unknown): Extract<Tagged, { $: 'blob' }>[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('$' in value && value.$ === 'blob') return [value as Extract<Tagged, { $: 'blob' }>];
  return Object.values(value).flatMap(blobsIn);
}

/** Writes what the page's origin keeps to `path`. Bytes that lie in one of `fixtures` (paths below e2e/fixtures) are named, not copied. */
export async function recordStore(page: Page, path: string, fixtures: readonly string[]): Promise<RecordedStore> {
  const recorded = await page.evaluate(dump);
  const known = await Promise.all(fixtures.map(async (name) => [name, await readFile(needFixture(name))] as const));
  const tail: Buffer[] = [];
  let tailBytes = 0;
  for (const blob of blobsIn(recorded.databases)) {
    const bytes = Buffer.from(blob.base64!, 'base64');
    delete blob.base64;
    const inFixture = known
      .map(([name, file]) => ({ path: name, offset: file.indexOf(bytes), bytes: bytes.length }))
      .find(({ offset }) => offset >= 0);
    blob.place = inFixture ?? { path: null, offset: tailBytes, bytes: bytes.length };
    if (inFixture) continue;
    tail.push(bytes);
    tailBytes += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(recorded));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(json.length);
  const params = { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS };
  await writeFile(path, brotliCompressSync(Buffer.concat([length, json, ...tail]), { params }));
  return recorded;
}

/** The recording of `recordStore`, every Blob with its bytes. */
export async function readRecordedStore(path: string): Promise<RecordedStore> {
  const file = brotliDecompressSync(await readFile(path));
  const tailAt = LENGTH_BYTES + file.readUInt32LE(0);
  const recorded = JSON.parse(file.toString('utf8', LENGTH_BYTES, tailAt)) as RecordedStore;
  for (const blob of blobsIn(recorded.databases)) {
    const { path: name, offset, bytes } = blob.place!;
    const from = name === null ? file.subarray(tailAt) : await readFile(needFixture(name));
    blob.base64 = from.subarray(offset, offset + bytes).toString('base64');
    delete blob.place;
  }
  return recorded;
}

/** A page of the origin at which none of the app's code runs, so that nothing is opened or written. */
export const quietPage = (url: string): string => `${url}theme.js`;

/** Puts a recorded store into the page's profile, which must be fresh; then the app may be opened. */
export async function restoreStore(page: Page, url: string, recorded: RecordedStore): Promise<void> {
  await page.goto(quietPage(url));
  await page.evaluate(restore, recorded);
}

/** Values of a database in the recording, by key; those with a prefix, without it. */
export function recordsOf(recorded: RecordedStore, database: string, prefix = ''): Map<string, unknown> {
  const stores = recorded.databases.find(({ name }) => name === database)?.stores ?? [];
  const all = stores.flatMap(({ records }) => records).filter(([key]) => key.startsWith(prefix));
  return new Map(all.map(([key, value]) => [key.slice(prefix.length), value]));
}
