import { PhiError } from '../shared/errors.ts';
import type { ModelManifest } from '../shared/protocol.ts';
import { pause } from './cancel.ts';
import type { StoreContext } from './context.ts';
import { evictForms } from './forms.ts';
import { evictCaches } from './kept-caches.ts';
import { slotsOf, storedShards, type Slot } from './inventory.ts';

/** A shard's checked bytes, with the facts about their source. */
export interface CheckedShard {
  bytes: Uint8Array<ArrayBuffer>;
  sha256: string;
  etag: string | null;
}

/** Chromium 153 gives the room of dropped Blobs back when their handles are collected and its journal is cleaned: measured 28 s. */
const ROOM_COMES_MS = 40_000;
const ROOM_POLL_MS = 1_000;

/** Drops kept caches, and made weight forms where their room is not enough for `bytes`. True while something was dropped so recently that its room may be on its way. */
async function makesRoom(context: StoreContext, bytes: number): Promise<boolean> {
  const isComing = () => performance.now() - context.freedAt < ROOM_COMES_MS;
  const wasComing = isComing();
  const dropped = await evictCaches(context);
  if (dropped < bytes && !wasComing) await evictForms(context);
  return isComing();
}

/** Writes a checked shard. When the browser refuses, made weight forms make room. Rejects with `quota`, `storage` or `cancelled`. */
export async function putShard(
  context: StoreContext,
  slot: Slot,
  { bytes, sha256, etag }: CheckedShard,
  signal: AbortSignal,
): Promise<void> {
  const value = { ...slot.shard, sha256, etag, blob: new Blob([bytes]) };
  for (;;) {
    try {
      await context.tables.shards.set(slot.key, value);
      context.verified.add(slot.key);
      return;
    } catch (cause) {
      if (!isQuota(cause) || !(await makesRoom(context, bytes.length))) throw cause;
      await pause(ROOM_POLL_MS, signal);
    }
  }
}

const isQuota = (cause: unknown) => cause instanceof PhiError && cause.code === 'quota';

const inMegabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;

/** Gives a `quota` error the figures that a person needs; any other error passes. */
export async function explainQuota(context: StoreContext, model: ModelManifest, cause: unknown): Promise<unknown> {
  if (!isQuota(cause)) return cause;
  const stored = await storedShards(context, slotsOf(model));
  const storedBytes = [...stored.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const missingBytes = model.bytes - storedBytes;
  const message = `There is no room for ${model.name}: the browser refuses to store the missing ${inMegabytes(missingBytes)} of ${inMegabytes(model.bytes)}.`;
  const advice = `The first ${inMegabytes(storedBytes)} stay stored. Free space on the disk or delete another model, then try again.`;
  return new PhiError('quota', `${message} ${advice}`, { missingBytes, storedBytes }, { cause });
}
