import type { Progress, StoredModel } from '../protocol.ts';
import { throwIfCancelled } from './cancel.ts';
import type { StoreContext } from './context.ts';
import { hashBlob } from './hash.ts';
import { demote, slotsOf, storedShards } from './inventory.ts';

/**
 * Re-reads and re-hashes every shard of a stored model. Damaged and missing ones are dropped and listed; then the model no longer
 * counts as whole, and `install` fetches just these.
 */
export async function verify(context: StoreContext, model: StoredModel, signal: AbortSignal, onProgress?: (progress: Progress) => void) {
  const slots = slotsOf(model);
  const stored = await storedShards(context, slots);
  const damaged: typeof slots = [];
  let bytesDone = 0;
  for (const slot of slots) {
    throwIfCancelled(signal);
    const shard = stored.get(slot.key);
    if (!shard || (await hashBlob(shard.blob)) !== slot.shard.sha256) damaged.push(slot);
    else context.verified.add(slot.key);
    bytesDone += slot.shard.bytes;
    onProgress?.({ phase: 'verify', bytesDone, bytesTotal: model.bytes });
  }
  if (damaged.length > 0)
    await demote(
      context,
      model,
      damaged.map(({ key }) => key),
    );
  return { damaged: damaged.map(({ file, index }) => ({ path: file.path, shard: index })) };
}
