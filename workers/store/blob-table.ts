/**
 * Tables whose values hold Blobs. Private windows of some browsers refuse Blobs in IndexedDB ("DataCloneError"), and reloading does not help:
 * there the same bytes are kept as ArrayBuffers, which the browser then holds in memory whenever they are read.
 */
import { PhiError } from '../shared/errors.ts';
import { Table } from '../shared/database.ts';

let refused = false;

/** True if this browser was seen to refuse to store Blobs. */
export const refusesBlobs = (): boolean => refused;

export class BlobTable<Value> extends Table<Value> {
  override async get(key: string): Promise<Value | undefined> {
    return restored(await super.get(key));
  }

  override async getMany(keys: string[]): Promise<(Value | undefined)[]> {
    return (await super.getMany(keys)).map(restored);
  }

  override async entries(prefix = ''): Promise<[string, Value][]> {
    return (await super.entries(prefix)).map(([key, value]) => [key, restored(value)]);
  }

  override async set(key: string, value: Value): Promise<void> {
    if (refused) return super.set(key, await buffered(value));
    try {
      await super.set(key, value);
    } catch (cause) {
      if (!isRefusal(cause)) throw cause;
      await super.set(key, await buffered(value));
      refused = true;
    }
  }
}

/** The error of IndexedDB for a value that it cannot copy; WebKit's private windows say "Error preparing Blob/File data to be stored". */
function isRefusal(cause: unknown): boolean {
  const inner = cause instanceof PhiError ? cause.cause : cause;
  if (!(inner instanceof Error)) return false;
  return inner.name === 'DataCloneError' || (inner.name === 'UnknownError' && /\bblob\b/i.test(inner.message));
}

/** The value, or its properties, with the bytes of each Blob in its place. */
async function buffered<Value>(value: Value): Promise<Value> {
  if (value instanceof Blob) return (await value.arrayBuffer()) as Value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(async ([key, part]): Promise<[string, unknown]> => [
    key,
    part instanceof Blob ? await part.arrayBuffer() : part,
  ]);
  return Object.fromEntries(await Promise.all(entries)) as Value;
}

/** Nothing but a Blob was an ArrayBuffer when it was stored. */
function restored<Value>(value: Value): Value {
  if (value instanceof ArrayBuffer) {
    refused = true;
    return new Blob([value]) as Value;
  }
  if (typeof value !== 'object' || value === null || value instanceof Blob || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  if (!entries.some(([, part]) => part instanceof ArrayBuffer)) return value;
  refused = true;
  return Object.fromEntries(
    entries.map(([key, part]: [string, unknown]) => [key, part instanceof ArrayBuffer ? new Blob([part]) : part]),
  ) as Value;
}
