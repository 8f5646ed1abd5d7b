/**
 * Facts recorded at the first download of a hub's model: commit, sizes, hashes. Later downloads must match them, also after
 * the model was removed in between.
 */
import * as v from 'valibot';
import type { ModelManifest } from '../shared/protocol.ts';
import type { StoreContext } from './context.ts';
import { resolveFiles } from './resolve-files.ts';
import { insidePath, MAIN, type HubFile, type HubModel } from '../shared/hub.ts';

const PinSchema = v.object({
  /** `${repo}@${revision asked for}` */
  source: v.string(),
  commit: v.nullable(v.string()),
  /** By the path inside the model. */
  files: v.array(v.object({ path: v.string(), bytes: v.number(), sha256: v.optional(v.string()) })),
});

const sourceOf = ({ repo, revision }: HubModel) => `${repo}@${revision ?? MAIN}`;

/** `model` with what is recorded of it; itself when nothing is, or of another source. What the catalogue says goes first. */
export async function withPins({ tables }: StoreContext, model: HubModel): Promise<HubModel> {
  const result = v.safeParse(PinSchema, await tables.pins.get(model.id));
  if (!result.success || result.output.source !== sourceOf(model)) return model;
  const pins = new Map(result.output.files.map((file) => [file.path, file]));
  const files: HubFile[] = [];
  for (const file of model.files) {
    const pin = pins.get(insidePath(model, file.path));
    if (pin) files.push({ path: file.path, bytes: file.bytes ?? pin.bytes, sha256: file.sha256 ?? pin.sha256 });
    else if (!file.optional) return model; // the catalogue names other files than it did
  }
  return { ...model, revision: model.revision ?? result.output.commit, files };
}

/** Records sizes and hashes; of a file in one shard the shard's hash is the file's. */
export async function pin({ tables }: StoreContext, model: HubModel, manifest: ModelManifest): Promise<void> {
  const files = manifest.files.map(({ path, bytes, sha256, shards }) => ({
    path,
    bytes,
    sha256: sha256 ?? (shards.length === 1 ? shards[0]!.sha256 : undefined),
  }));
  await tables.pins.set(model.id, { source: sourceOf(model), commit: manifest.source.revision ?? null, files });
}

/** The manifest of a hub's model, by the catalogue, by what is recorded, by asking; what is learned is recorded at once. */
export async function describePinned(
  context: StoreContext,
  model: HubModel,
  signal: AbortSignal,
): Promise<ModelManifest> {
  const manifest = await resolveFiles(context.net, await withPins(context, model), signal);
  await pin(context, model, manifest);
  return manifest;
}
