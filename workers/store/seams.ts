/**
 * If nobody published a hash, only the server can confirm the bytes: those around each seam between two parts are
 * requested once more. A server or a proxy that answers a range with other bytes than those at its place contradicts
 * itself there.
 */
import { PhiError } from '../shared/errors.ts';
import type { ModelManifest } from '../shared/protocol.ts';
import type { StoreContext } from './context.ts';
import { ask } from './http.ts';
import { slotsOf, type Slot } from './inventory.ts';
import { Fault } from './net.ts';
import { RetryPolicy } from './retry-policy.ts';
import type { StoredShard } from './tables.ts';

/** On each side of a seam. */
const WITNESS_BYTES = 32;

interface Seam {
  path: string;
  left: Slot;
  right: Slot;
}

/** Seams inside one URL with a part that came now, without a hash on either side. */
function openSeams(model: ModelManifest, before: ReadonlyMap<string, StoredShard>): Seam[] {
  return model.files.flatMap((file) => {
    if (file.sha256) return [];
    const slots = slotsOf(model, [file]);
    return slots.slice(1).flatMap((right, i) => {
      const left = slots[i]!;
      const joined = left.shard.url === right.shard.url && left.shard.offset + left.shard.bytes === right.shard.offset;
      const proven = left.shard.sha256 || right.shard.sha256 || (before.has(left.key) && before.has(right.key));
      return joined && !proven ? [{ path: file.path, left, right }] : [];
    });
  });
}

/** The bytes around a seam as the server has them; null: it does not answer ranges, so its parts were cut from one stream. */
async function askAround(
  context: StoreContext,
  { path, right }: Seam,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const at = right.shard.offset;
  const bytes = Math.min(WITNESS_BYTES, right.shard.bytes);
  const range = { from: at - WITNESS_BYTES, to: at + bytes - 1, total: null };
  const patience = new RetryPolicy(context.net, `${path} at ${at}`);
  for (;;) {
    try {
      const answer = await ask(context.net, right.shard.url, range, null, null, signal);
      try {
        if (!answer.partial) return null;
        const seen: number[] = [];
        for await (const chunk of answer.chunks) seen.push(...chunk);
        if (seen.length < WITNESS_BYTES + bytes) throw new Fault('connection', 'the answer ended early');
        return Uint8Array.from(seen);
      } finally {
        answer.close();
      }
    } catch (cause) {
      await patience.next(cause, 0, signal);
    }
  }
}

/** Drops the parts at the first seam at which the server contradicts itself, and returns what to say of it. */
export async function findWrongSeam(
  context: StoreContext,
  model: ModelManifest,
  before: ReadonlyMap<string, StoredShard>,
  stored: ReadonlyMap<string, StoredShard>,
  signal: AbortSignal,
): Promise<{ dropped: string[]; error: PhiError } | null> {
  for (const seam of openSeams(model, before)) {
    const { left, right, path } = seam;
    if (left.shard.bytes < WITNESS_BYTES) continue;
    const witness = await askAround(context, seam, signal);
    if (!witness) continue;
    const around = new Blob([
      stored.get(left.key)!.blob.slice(-WITNESS_BYTES),
      stored.get(right.key)!.blob.slice(0, WITNESS_BYTES),
    ]);
    const ours = new Uint8Array(await around.arrayBuffer());
    if (ours.every((byte, i) => byte === witness[i])) continue;
    const dropped = [left.key, right.key];
    await context.tables.shards.delete(dropped);
    const message = `${path}: the server sent different bytes for the same range (around ${right.shard.offset}). No published hash shows which are right, so both parts were dropped.`;
    const advice = 'Try again, or take the model from another source.';
    return { dropped, error: new PhiError('integrity', `${message} ${advice}`, { path }) };
  }
  return null;
}
