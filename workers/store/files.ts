import type { StoredModel } from '../shared/protocol.ts';
import type { ModelFiles } from './bytes.ts';
import type { StoreContext } from './context.ts';
import { demote, slotsOf, storedShards } from './inventory.ts';
import { ShardedSource } from './sharded-source.ts';
import { damagedError } from './verify.ts';

/** The files of a stored model. Rejects with `integrity` when a shard is missing or short; nothing is read yet. */
export async function openFiles(context: StoreContext, model: StoredModel): Promise<ModelFiles> {
  const slots = slotsOf(model);
  const stored = await storedShards(context, slots);
  const missing = slots.filter(({ key }) => !stored.has(key));
  if (missing.length > 0) {
    await demote(context, model, missing);
    throw damagedError(model, missing);
  }
  const files = model.files.map((file) => {
    const parts = slotsOf(model, [file]).map((slot) => ({ slot, blob: stored.get(slot.key)!.blob }));
    return new ShardedSource(context, model, file, parts);
  });
  return new Map(files.map((file) => [file.name, file]));
}
