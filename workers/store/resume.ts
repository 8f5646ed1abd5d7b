import { PhiError } from '../shared/errors.ts';
import type { ModelFile, ModelManifest } from '../shared/protocol.ts';
import type { StoreContext } from './context.ts';
import { fetchShard, OVERLAP_BYTES } from './fetch-shard.ts';
import { sha256Hex } from './hash.ts';
import { slotsOf, storedShards, type Slot } from './inventory.ts';
import { Fault } from './net.ts';
import type { StoredShard } from './tables.ts';

/** True if the server still has the same file: the last 64 KiB of `stored` are fetched again and compared. */
async function stillThere(
  { net }: StoreContext,
  slot: Slot,
  stored: StoredShard,
  signal: AbortSignal,
): Promise<boolean> {
  const { url, offset, bytes } = stored;
  const length = Math.min(bytes, OVERLAP_BYTES);
  const tail = new Uint8Array(await stored.blob.slice(bytes - length).arrayBuffer());
  const shard = {
    url,
    offset: offset + bytes - length,
    bytes: length,
    wholeUrl: stored.wholeUrl && length === bytes,
    sha256: await sha256Hex(tail),
  };
  try {
    const { etag } = await fetchShard(
      net,
      { shard, what: `the stored end of ${slot.what}`, urlBytes: null, onBytes: () => undefined },
      signal,
    );
    return etag === null || stored.etag === null || etag === stored.etag;
  } catch (cause) {
    // The bytes differ, or the server cannot answer. Either way, nothing confirms what is stored.
    if (
      (cause instanceof PhiError && cause.code === 'integrity') ||
      (cause instanceof Fault && cause.kind === 'no-range')
    )
      return false;
    throw cause;
  }
}

/**
 * Parts that an earlier visit stored without any published hash are either confirmed by the server or dropped, so that
 * two versions of a file are never joined. Complete files are left alone.
 */
export async function dropUnconfirmed(context: StoreContext, model: ModelManifest, signal: AbortSignal): Promise<void> {
  const unproven = (file: ModelFile) => slotsOf(model, file.sha256 ? [] : [file]).filter(({ shard }) => !shard.sha256);
  for (const file of model.files) {
    const slots = unproven(file);
    const stored = await storedShards(context, slots);
    const last = slots.findLast(({ key }) => stored.has(key));
    if (!last || stored.size === slots.length || (await stillThere(context, last, stored.get(last.key)!, signal)))
      continue;
    await context.tables.shards.delete([...stored.keys()]);
  }
}

/** ETags of stored shards that no published hash proves, by URL: what is fetched now must have the same. */
export function knownEtags(model: ModelManifest, stored: Map<string, StoredShard>): Map<string, string> {
  const unproven = slotsOf(model).filter(({ shard }) => !shard.sha256);
  return new Map(
    unproven.flatMap(({ key, shard }) => (stored.get(key)?.etag ? [[shard.url, stored.get(key)!.etag!]] : [])),
  );
}
