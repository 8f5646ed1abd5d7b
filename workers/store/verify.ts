import { PhiError } from '../shared/errors.ts';
import type { Progress, StoredModel } from '../shared/protocol.ts';
import { throwIfCancelled } from './cancel.ts';
import type { StoreContext } from './context.ts';
import { hashBlob } from './hash.ts';
import { demote, slotsOf, storedShards, type Slot } from './inventory.ts';

/**
 * Re-reads and re-hashes every shard of a stored model. Damaged and missing ones are dropped and given back; then the model no longer
 * counts as whole, and `install` fetches just these.
 */
export async function verify(
  context: StoreContext,
  model: StoredModel,
  signal: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<Slot[]> {
  const slots = slotsOf(model);
  const stored = await storedShards(context, slots);
  const damaged: Slot[] = [];
  let bytesDone = 0;
  for (const slot of slots) {
    throwIfCancelled(signal);
    const shard = stored.get(slot.key);
    if (!shard || (await hashBlob(shard.blob)) !== slot.shard.sha256) damaged.push(slot);
    else context.verified.add(slot.key);
    bytesDone += slot.shard.bytes;
    onProgress?.({ phase: 'verify', bytesDone, bytesTotal: model.bytes });
  }
  if (damaged.length > 0) await demote(context, model, damaged);
  return damaged;
}

/** The error for a model that counted as whole but is not. */
export function damagedError(model: StoredModel, damaged: Slot[]): PhiError {
  const [first] = damaged;
  const names = damaged.map(({ what }) => what).join('; ');
  const message = `${model.name} is damaged in the browser's storage: ${names}. Download the model again: only these parts are fetched.`;
  return new PhiError('integrity', message, {
    model: model.id,
    path: first?.file.path ?? null,
    shard: first?.index ?? null,
    damaged: damaged.length,
  });
}
