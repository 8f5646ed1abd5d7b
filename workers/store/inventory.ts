/** Finds out which parts of a model are stored, for download, import, open and verify. */
import { PhiError } from '../shared/errors.ts';
import type { ModelFile, ModelManifest, PartialModel, Shard, StoredModel } from '../shared/protocol.ts';
import type { StoreContext } from './context.ts';
import { validateManifest, validateStored } from '../shared/manifest.ts';
import { removeCaches } from './kept-caches.ts';
import { modelPrefix, shardKey, type StoredShard } from './tables.ts';

/** A shard in its place. */
export interface Slot {
  key: string;
  file: ModelFile;
  index: number;
  shard: Shard;
  /** In words: "model.gguf, part 3 of 12". */
  what: string;
}

export function slotsOf(model: ModelManifest, files: ModelFile[] = model.files): Slot[] {
  return files.flatMap((file) =>
    file.shards.map((shard, index) => ({
      key: shardKey(model.id, file.path, index),
      file,
      index,
      shard,
      what: `${file.path}, part ${index + 1} of ${file.shards.length}`,
    })),
  );
}

/** The same bytes, as far as can be known without reading them: equal hashes, or one source where no hash is published. */
export function sameShard(a: Shard, b: Shard): boolean {
  if (a.bytes !== b.bytes) return false;
  return a.sha256 && b.sha256 ? a.sha256 === b.sha256 : a.url === b.url && a.offset === b.offset;
}

/** The stored shard where it is there, whole in length, and what `shard` describes. */
function fits(shard: Shard, stored: StoredShard | undefined): stored is StoredShard {
  return (
    stored !== undefined && stored.blob instanceof Blob && stored.blob.size === shard.bytes && sameShard(shard, stored)
  );
}

/** Stored shards by key, those that fit only. Blobs are handles: nothing is read. */
export async function storedShards(context: StoreContext, slots: Slot[]): Promise<Map<string, StoredShard>> {
  const values = await context.tables.shards.getMany(slots.map(({ key }) => key));
  const found = new Map<string, StoredShard>();
  slots.forEach(({ key, shard }, i) => {
    const stored = values[i];
    if (fits(shard, stored)) found.set(key, stored);
  });
  return found;
}

/** The complete model of that id; null when it is not stored, or by a version of the app that wrote something else. */
export async function findModel(context: StoreContext, id: string): Promise<StoredModel | null> {
  return readable(validateStored, await context.tables.manifests.get(id));
}

export async function findPartial(context: StoreContext, id: string): Promise<ModelManifest | null> {
  return readable(validateManifest, await context.tables.partials.get(id));
}

/** A manifest in the store that does not validate is as good as none: the model is fetched again. */
function readable<Manifest>(validate: (value: unknown) => Manifest, value: unknown): Manifest | null {
  if (value === undefined) return null;
  try {
    return validate(value);
  } catch (cause) {
    if (cause instanceof PhiError && cause.code === 'bad-model') return null;
    throw cause;
  }
}

/** Takes a model out of those that count as whole, and drops its damaged shards. `install` then fetches just these. */
export async function demote(context: StoreContext, model: StoredModel, damaged: Slot[]): Promise<void> {
  const { tables, verified } = context;
  const keys = damaged.map(({ key }) => key);
  keys.forEach((key) => verified.delete(key));
  await tables.partials.set(model.id, validateManifest(model));
  await tables.manifests.delete([model.id]);
  await tables.shards.delete(keys);
}

export async function listModels(context: StoreContext): Promise<StoredModel[]> {
  const entries = await context.tables.manifests.entries();
  return entries.map(([, value]) => readable(validateStored, value)).filter((model) => model !== null);
}

/** Everything that takes room without being a whole model, also what a lost manifest left behind. */
export async function listPartials(context: StoreContext): Promise<PartialModel[]> {
  const whole = new Set((await listModels(context)).map(({ id }) => id));
  const bytesOf = new Map((await context.tables.partials.entries()).map(([id]) => [id, 0]));
  for (const [key, { blob }] of await context.tables.shards.entries()) {
    const id = key.slice(0, key.indexOf('/'));
    bytesOf.set(id, (bytesOf.get(id) ?? 0) + blob.size);
  }
  const partial = [...bytesOf].filter(([id]) => !whole.has(id));
  return Promise.all(
    partial.map(async ([id, bytesStored]) => ({ id, manifest: await findPartial(context, id), bytesStored })),
  );
}

/** Manifest first: should the browser die in the middle, what is left is listed as partial and can be removed again. */
export async function removeModel(context: StoreContext, id: string): Promise<void> {
  const { tables, verified } = context;
  await tables.manifests.delete([id]);
  for (const key of verified) if (key.startsWith(modelPrefix(id))) verified.delete(key);
  await tables.shards.deleteAll(modelPrefix(id));
  await tables.forms.deleteAll(modelPrefix(id));
  await removeCaches(context, id);
  await tables.partials.delete([id]);
  context.freedAt = performance.now();
}
