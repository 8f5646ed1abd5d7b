import { PhiError } from '../shared/errors.ts';
import type { ModelFile, ModelManifest, Progress, Shard, StoredModel } from '../shared/protocol.ts';
import { ArrivingFiles } from './arriving.ts';
import type { StoreContext } from './context.ts';
import { download } from './download.ts';
import { sha256OfBlobs } from './hash.ts';
import { findModel, findPartial, sameShard, slotsOf, storedShards } from './inventory.ts';
import { Meter } from './meter.ts';
import { throwIfCancelled } from './cancel.ts';
import { explainQuota } from './put.ts';
import { dropUnconfirmed, knownEtags } from './resume.ts';
import { askPersist } from './room.ts';
import { findWrongSeam } from './seams.ts';
import { modelPrefix, type StoredShard } from './tables.ts';

type OnProgress = (progress: Progress) => void;
/** Gets the files of a download that begins: they can be read as they arrive. */
export type OnArriving = (arriving: ArrivingFiles) => void;
/** Stored shards by key. */
type Stored = Map<string, StoredShard>;

/** Takes over hashes that an earlier, complete download computed where the manifest publishes none. */
function withKnownHashes(wanted: ModelManifest, known: ModelManifest | null): ModelManifest {
  const hashes = new Map(known?.files.map(({ path, shards }): [string, Shard[]] => [path, shards]));
  const learn = (file: ModelFile): ModelFile => ({
    ...file,
    shards: file.shards.map((shard, i) => {
      const before = hashes.get(file.path)?.[i];
      return before?.sha256 && sameShard(shard, before) ? { ...shard, sha256: before.sha256 } : shard;
    }),
  });
  return { ...wanted, files: wanted.files.map(learn) };
}

/** The model as it is stored, if that is what is wanted, shard by shard. */
async function findWhole(context: StoreContext, wanted: ModelManifest): Promise<StoredModel | null> {
  const model = await findModel(context, wanted.id);
  if (!model || model.files.length !== wanted.files.length) return null;
  const described = new Map(slotsOf(model).map(({ key, shard }) => [key, shard]));
  const slots = slotsOf(wanted);
  const same =
    slots.length === described.size &&
    slots.every(({ key, shard }) => described.has(key) && sameShard(shard, described.get(key)!));
  return same && (await storedShards(context, slots)).size === slots.length ? model : null;
}

/**
 * Hashes, from the store, the files with a published hash of the whole but not of every shard. A file that is wrong loses its unproven
 * shards. Returns the first such file with what to say of it.
 */
async function findWrongFile(
  context: StoreContext,
  model: ModelManifest,
  stored: Stored,
  signal: AbortSignal,
  onProgress?: OnProgress,
) {
  const unproven = model.files.filter(({ sha256, shards }) => sha256 && shards.some((shard) => !shard.sha256));
  const bytesTotal = unproven.reduce((sum, { bytes }) => sum + bytes, 0);
  let bytesDone = 0;
  for (const file of unproven) {
    const slots = slotsOf(model, [file]);
    const blobs = slots.map(({ key }) => stored.get(key)!.blob);
    const sha256 = await sha256OfBlobs(blobs, signal, (bytes) =>
      onProgress?.({ phase: 'verify', bytesDone: (bytesDone += bytes), bytesTotal }),
    );
    if (sha256 === file.sha256) continue;
    const dropped = slots.filter(({ shard }) => !shard.sha256).map(({ key }) => key);
    await context.tables.shards.delete(dropped);
    const message = `${file.path} arrived whole, but its SHA-256 is ${sha256} and not ${file.sha256}, so it was dropped.`;
    const advice = 'The server may hold another version of it: try again, or take the model from another source.';
    return { dropped, error: new PhiError('integrity', `${message} ${advice}`, { path: file.path }) };
  }
  return null;
}

/** Downloads what is missing and gives back all shards of the model. */
async function fetchMissing(
  context: StoreContext,
  model: ModelManifest,
  before: Stored,
  signal: AbortSignal,
  onProgress?: OnProgress,
  arriving?: ArrivingFiles,
): Promise<Stored> {
  const slots = slotsOf(model);
  const bytesStored = [...before.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  for (const [key, shard] of before) arriving?.arrived(key, shard);
  const meter = new Meter('download', model.bytes, bytesStored, onProgress);
  try {
    const missing = slots.filter(({ key }) => !before.has(key));
    // The end of a GGUF has the norm that its head needs: it comes early, so that little is left to make behind the last byte.
    if (arriving && missing.length > 2) missing.splice(1, 0, missing.pop()!);
    await download(
      context,
      {
        model,
        slots: missing,
        etags: knownEtags(model, before),
        onBytes: (bytes) => meter.add(bytes),
        onStored: ({ key }, shard) => arriving?.arrived(key, shard),
      },
      signal,
    );
  } finally {
    meter.stop();
  }
  const stored = await storedShards(context, slots);
  if (stored.size === slots.length) return stored;
  throw new PhiError(
    'storage',
    `${model.name}: the browser deleted stored parts during the download. Free space on the disk, then try again.`,
  );
}

/** Writes the manifest, with every hash that was computed, and drops shards that an older version of the model left. */
export async function complete(context: StoreContext, model: ModelManifest, stored: Stored): Promise<StoredModel> {
  const { tables } = context;
  const hashed = (file: ModelFile) => ({
    ...file,
    shards: slotsOf(model, [file]).map(({ key, shard }) => ({ ...shard, sha256: stored.get(key)!.sha256 })),
  });
  const whole: StoredModel = { ...model, files: model.files.map(hashed), storedAt: Date.now(), formBytes: 0 };
  await tables.manifests.set(model.id, whole);
  await tables.partials.delete([model.id]);
  const old = (await tables.shards.entries(modelPrefix(model.id)))
    .map(([key]) => key)
    .filter((key) => !stored.has(key));
  await tables.shards.delete(old);
  return whole;
}

/** Makes the model count as begun, so that what is stored of it is listed and can be removed. */
export async function begin({ tables }: StoreContext, model: ModelManifest): Promise<void> {
  await askPersist();
  await tables.partials.set(model.id, model);
  await tables.manifests.delete([model.id]);
}

/**
 * Brings a model into the store: what is there already stays, the rest is downloaded, the manifest is written last. The caller holds
 * the model's lock. Rejects with `network`, `integrity`, `quota`, `storage` or `cancelled`; what is verified stays for the next time.
 */
export async function install(
  context: StoreContext,
  manifest: ModelManifest,
  signal: AbortSignal,
  onProgress?: OnProgress,
  onArriving?: OnArriving,
): Promise<StoredModel> {
  const whole = await findWhole(context, manifest);
  if (whole) return whole;
  const model = withKnownHashes(
    manifest,
    (await findModel(context, manifest.id)) ?? (await findPartial(context, manifest.id)),
  );
  const arriving = onArriving && new ArrivingFiles(context, model);
  try {
    await begin(context, model);
    await dropUnconfirmed(context, model, signal);
    let before = await storedShards(context, slotsOf(model));
    if (arriving) onArriving?.(arriving);
    let stored = await fetchMissing(context, model, before, signal, onProgress, arriving);
    const findWrong = async () =>
      (await findWrongFile(context, model, stored, signal, onProgress)) ??
      (await findWrongSeam(context, model, before, stored, signal));
    let wrong = await findWrong();
    // Parts from an earlier visit may be wrong, so they are fetched again. Parts that arrived just now would arrive the same way again.
    while (wrong?.dropped.some((key) => before.has(key))) {
      before = await storedShards(context, slotsOf(model));
      stored = await fetchMissing(context, model, before, signal, onProgress, arriving);
      wrong = await findWrong();
    }
    if (wrong) throw wrong.error;
    throwIfCancelled(signal);
    return await complete(context, model, stored);
  } catch (cause) {
    arriving?.fail(cause);
    throw await explainQuota(context, model, cause);
  }
}
