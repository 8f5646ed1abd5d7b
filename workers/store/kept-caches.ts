/**
 * KV caches of conversations: what a model has read of a chat, so that it need not read it again. They cost seconds to make and are the first to go when
 * room is short. One cache for each chat, and one for each system prompt that chats share, in parts that are read only as far as they are needed:
 *
 *   `h/${name}`             CacheEntry: what the cache is of, with a checksum over it
 *   `s/${name}/${index}`    Blob: a segment, some hundred tokens of all layers; the header has a checksum for each of its parts
 *
 * A cache is written in one transaction: it is the old one or the new one. Everything that is read is compared with its checksum.
 */
import { PhiError } from '../shared/errors.ts';
import type { KeptCaches as KeptCachesReport } from '../shared/protocol.ts';
import { refusesBlobs } from './blob-table.ts';
import type { StoreContext } from './context.ts';
import { createChecksum, readBlob } from './hash.ts';
import { freeRoom } from './room.ts';
import type { CacheEntry, CacheValue } from './tables.ts';

/** A part of a segment: one layer. */
interface CachePart {
  bytes: number;
  xxh64: string;
}

/** Tokens `[from, from + tokens)`, one part for each layer, one behind the other. */
export interface CacheSegment {
  tokens: number;
  parts: CachePart[];
}

export interface CacheHeader {
  /** Of everything that the bytes depend on besides the tokens: model, weight format, backend, version of the engine. */
  identity: string;
  rope: 'short' | 'long';
  ids: number[];
  /** Together they have as many tokens as `ids`. */
  segments: CacheSegment[];
}

export interface FoundCache {
  name: string;
  header: CacheHeader;
}

/** Never more than this part of the free room for something that can be made again. */
const SHARE_OF_FREE_ROOM = 1 / 4;
/** All caches together. Those that were not used for the longest time make room. */
const MOST_CACHE_BYTES = 2 * 2 ** 30;

const HEADERS = 'h/';
const SEGMENTS = 's/';
/** Name of a chat's cache. Ids of imported chats are somebody else's strings. */
export const chatCache = (chat: string): string => encodeURIComponent(chat);
/** Name of a cache that chats share. The names of chats have no colon. */
export const sharedCache = (digest: string): string => `:${digest}`;
const isShared = (name: string): boolean => name.startsWith(':');

const headerKey = (name: string): string => HEADERS + name;
const segmentPrefix = (name: string): string => `${SEGMENTS}${name}/`;
const segmentKey = (name: string, index: number): string => segmentPrefix(name) + index;
/** Of the cache that a header or a segment belongs to. */
const nameOf = (key: string): string => key.slice(HEADERS.length).split('/')[0]!;

const isEntry = (value: CacheValue | undefined): value is CacheEntry =>
  value !== undefined && !(value instanceof Blob) && typeof value.json === 'string';

const sumOf = async (text: string): Promise<string> => (await createChecksum()).of(new TextEncoder().encode(text));

/** Headers of the caches of one identity, the one used last first. Damaged ones are left out. */
async function findCaches({ tables }: StoreContext, identity: string): Promise<FoundCache[]> {
  const entries = (await headers(tables)).sort(([, a], [, b]) => b.usedAt - a.usedAt);
  const found = await Promise.all(
    entries.map(async ([name, entry]) => ({ name, header: await readHeader(entry, identity) })),
  );
  return found.filter((one): one is FoundCache => one.header !== null);
}

/** Header of one cache; null where there is none of this identity, or it is damaged. */
async function cacheHeader({ tables }: StoreContext, name: string, identity: string): Promise<CacheHeader | null> {
  const entry = await tables.caches.get(headerKey(name));
  return isEntry(entry) ? readHeader(entry, identity) : null;
}

async function headers(tables: StoreContext['tables']): Promise<[name: string, entry: CacheEntry][]> {
  const entries = await tables.caches.entries(HEADERS);
  return entries.flatMap(([key, value]): [string, CacheEntry][] => (isEntry(value) ? [[nameOf(key), value]] : []));
}

async function readHeader({ json, xxh64 }: CacheEntry, identity: string): Promise<CacheHeader | null> {
  if ((await sumOf(json)) !== xxh64) return null;
  const header = JSON.parse(json) as CacheHeader; // written by `saveCache`: the checksum says so
  const tokens = header.segments.reduce((sum, segment) => sum + segment.tokens, 0);
  return header.identity === identity && tokens === header.ids.length ? header : null;
}

/** Reads parts of a segment, each compared with its checksum; null for one that is missing or damaged. */
async function openSegment(
  { tables }: StoreContext,
  name: string,
  index: number,
  { parts }: CacheSegment,
): Promise<(part: number) => Promise<Uint8Array<ArrayBuffer> | null>> {
  const blob = await tables.caches.get(segmentKey(name, index));
  const checksum = await createChecksum();
  const offsets = parts.map((_, i) => parts.slice(0, i).reduce((sum, { bytes }) => sum + bytes, 0));
  return async (part) => {
    const { bytes, xxh64 } = parts[part]!;
    if (!(blob instanceof Blob)) return null;
    const at = offsets[part]!;
    const read = await readBlob(blob.slice(at, at + bytes));
    return read?.length === bytes && checksum.of(read) === xxh64 ? read : null;
  };
}

/** Notes that a cache was of use. */
async function touchCache({ tables }: StoreContext, name: string): Promise<void> {
  const entry = await tables.caches.get(headerKey(name));
  if (isEntry(entry)) await tables.caches.set(headerKey(name), { ...entry, usedAt: Date.now() });
}

/** Drops one cache. */
async function dropCache(context: StoreContext, name: string): Promise<void> {
  const { caches } = context.tables;
  await caches.write([], [headerKey(name), ...(await caches.keys(segmentPrefix(name)))]);
  context.freedAt = performance.now();
}

/** Drops the cache of a chat that was deleted, and the shared one if no other chat's cache begins with it. */
async function dropChat(context: StoreContext, chat: string): Promise<void> {
  const names = (await headers(context.tables)).map(([name]) => name);
  await keepNames(context, new Set(names.filter((name) => !isShared(name) && name !== chatCache(chat))));
}

interface CacheBytes {
  /** To be written now. */
  fresh: number;
  /** With the segments that stay of the older cache. */
  whole: number;
}

/**
 * True when there is room for a cache of this name. If all caches would take too much together, the ones that were not used for the longest time
 * are dropped; an older one of the same name stays.
 */
async function mayKeepCache(context: StoreContext, name: string, { fresh, whole }: CacheBytes): Promise<boolean> {
  if (refusesBlobs() || fresh > ((await freeRoom()) ?? 0) * SHARE_OF_FREE_ROOM) return false;
  const others = (await headers(context.tables)).filter(([other]) => other !== name);
  others.sort(([, a], [, b]) => a.usedAt - b.usedAt);
  let total = whole + others.reduce((sum, [, entry]) => sum + entry.bytes, 0);
  for (const [other, entry] of others) {
    if (total <= MOST_CACHE_BYTES) break;
    await dropCache(context, other);
    total -= entry.bytes;
  }
  return total <= MOST_CACHE_BYTES;
}

interface NewCache {
  name: string;
  /** Name of the shared cache that it begins with. */
  shared?: string;
  /** Id of the model, with which the cache goes. */
  model: string;
  header: CacheHeader;
  /** Segments of the older cache that stay, and those behind them. */
  keptSegments: number;
  fresh: readonly Blob[];
}

/** Keeps a cache in place of an older one of its name. When the browser has no room, the older one stays. */
async function saveCache(
  { tables }: StoreContext,
  { name, shared, model, header, keptSegments, fresh }: NewCache,
): Promise<void> {
  const json = JSON.stringify(header);
  const bytes = header.segments.flatMap(({ parts }) => parts).reduce((sum, part) => sum + part.bytes, json.length);
  const entry: CacheEntry = {
    json,
    xxh64: await sumOf(json),
    model,
    bytes,
    usedAt: Date.now(),
    ...(shared && { shared }),
  };
  const segments = fresh.map((blob, i): [string, Blob] => [segmentKey(name, keptSegments + i), blob]);
  const before = await tables.caches.keys(segmentPrefix(name));
  const stays = new Set(header.segments.map((_, i) => segmentKey(name, i)));
  try {
    await tables.caches.write(
      [...segments, [headerKey(name), entry]],
      before.filter((key) => !stays.has(key)),
    );
  } catch (cause) {
    if (!(cause instanceof PhiError) || cause.code !== 'quota') throw cause;
  }
}

export async function reportCaches({ tables }: StoreContext): Promise<KeptCachesReport> {
  const all = await headers(tables);
  return {
    chats: all.filter(([name]) => !isShared(name)).length,
    bytes: all.reduce((sum, [, { bytes }]) => sum + bytes, 0),
  };
}

/** Drops the caches of all chats but these; also what an interrupted deletion has left, and shared ones that no chat's cache begins with. */
export async function keepCachesOf(context: StoreContext, chats: ReadonlySet<string>): Promise<void> {
  await keepNames(context, new Set([...chats].map(chatCache)));
}

/** `names`: of chats. */
async function keepNames(context: StoreContext, names: Set<string>): Promise<void> {
  const { caches } = context.tables;
  const kept = new Set(names);
  for (const [name, { shared }] of await headers(context.tables)) if (shared && names.has(name)) kept.add(shared);
  const gone = (await caches.keys()).filter((key) => !kept.has(nameOf(key)));
  if (gone.length === 0) return;
  await caches.delete(gone);
  context.freedAt = performance.now();
}

/** Drops the caches that a model has made. */
export async function removeCaches(context: StoreContext, model: string): Promise<void> {
  for (const [name, entry] of await headers(context.tables)) if (entry.model === model) await dropCache(context, name);
}

/** Drops every cache. Resolves with the bytes that they took. */
export async function evictCaches(context: StoreContext): Promise<number> {
  const { bytes } = await reportCaches(context);
  await keepCachesOf(context, new Set());
  return bytes;
}

/** The door for the engine. */
export const cacheStore = (context: StoreContext) => ({
  find: (identity: string) => findCaches(context, identity),
  openSegment: (name: string, index: number, segment: CacheSegment) => openSegment(context, name, index, segment),
  touch: (name: string) => touchCache(context, name),
  drop: (name: string) => dropCache(context, name),
  dropChat: (chat: string) => dropChat(context, chat),
  header: (name: string, identity: string) => cacheHeader(context, name, identity),
  mayKeep: (name: string, bytes: CacheBytes) => mayKeepCache(context, name, bytes),
  save: (cache: NewCache) => saveCache(context, cache),
  keepOnly: (chats: ReadonlySet<string>) => keepCachesOf(context, chats),
});

export type CacheStore = ReturnType<typeof cacheStore>;
