/**
 * The tables. Each is a separate IndexedDB database, so that the eviction or damage of one does not affect the others.
 *
 *   phi-shards     `${model}/${path}/${index}`   StoredShard: bytes and what they are, in one value, so in one transaction
 *   phi-manifests  `${model}`                    StoredModel: written last; without it a model does not count as stored
 *   phi-partials   `${model}`                    ModelManifest of a download or an import that has begun and not ended
 *   phi-pins       `${model}`                    see pins.ts: stays when the model is removed
 *   phi-forms      see forms.ts                  made weight forms, the second to go when room is short
 *   phi-caches     see kept-caches.ts            KV caches of conversations, the first to go when room is short
 */
import type { Shard } from '../shared/protocol.ts';
import { Table } from '../shared/database.ts';
import { BlobTable } from './blob-table.ts';

/** A shard whose size and hash were checked before it was written. `sha256` is of `blob`, published or not. */
export interface StoredShard extends Shard {
  sha256: string;
  etag: string | null;
  blob: Blob;
}

/** The shards that weights were made of. */
export interface MadeOf {
  /** Their places among all shards of the model. */
  shards: number[];
  /** Over their keys and hashes. */
  sha256: string;
}

/** Written after its chunks; without it the form does not exist. See forms.ts. */
export interface FormHeader {
  chunks: { bytes: number; xxh64: string }[];
  /** If it was made before all shards of the model were there. */
  of?: MadeOf;
}

export type FormEntry = FormHeader | Blob;

/** See kept-caches.ts. */
export interface CacheEntry {
  /** CacheHeader */
  json: string;
  /** Checksum of `json`. */
  xxh64: string;
  /** Id of the model that made it. */
  model: string;
  /** Name of the cache of its beginning, which other chats share. That one goes with the last of them. */
  shared?: string;
  /** Of all that is stored for it. */
  bytes: number;
  /** Milliseconds since 1970. */
  usedAt: number;
}

export type CacheValue = CacheEntry | Blob;

export interface Tables {
  shards: Table<StoredShard>;
  /** Read through manifest.ts: what lies there may be of another version of this app. */
  manifests: Table<unknown>;
  partials: Table<unknown>;
  /** Read through pins.ts. */
  pins: Table<unknown>;
  forms: Table<FormEntry>;
  caches: Table<CacheValue>;
}

export const openTables = (): Tables => ({
  shards: new BlobTable('phi-shards'),
  manifests: new Table('phi-manifests'),
  partials: new Table('phi-partials'),
  pins: new Table('phi-pins'),
  forms: new BlobTable('phi-forms'),
  caches: new BlobTable('phi-caches'),
});

/** Model ids have no slash, so no two models share a prefix. */
export const shardKey = (model: string, path: string, index: number) => `${model}/${path}/${index}`;
export const modelPrefix = (model: string) => `${model}/`;
