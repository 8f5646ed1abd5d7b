import { PhiError } from '../shared/errors.ts';
import type { ModelManifest, Progress, StoredModel } from '../shared/protocol.ts';
import type { StoreContext } from './context.ts';
import { sha256Hex } from './hash.ts';
import { slotsOf, storedShards } from './inventory.ts';
import { begin, complete } from './install.ts';
import { cutFile, DISK, isSafePath, validateManifest } from '../shared/manifest.ts';
import { nameOfFile, nameOfFolder } from '../shared/model-name.ts';
import { Meter } from './meter.ts';
import { throwIfCancelled } from './cancel.ts';
import { explainQuota, putShard } from './put.ts';

export interface DiskFile {
  /** Relative to the chosen folder, forward slashes. */
  path: string;
  file: Blob;
}

/** Facts about an import from the person or the files. */
export interface ImportedAs {
  /** Its name; default: its folder or its largest file. */
  name?: string;
  /** Its kind: see `FoundModel`. */
  what?: string;
  /** SPDX id. */
  licence?: string;
}

/** So much of each end of a file goes into the model's id: enough to tell two files of one name and size apart. */
const SAMPLE_BYTES = 64 * 1024;

/** The same files give the same id, so that an import that broke off or is repeated goes on in its old place. */
async function idOf(name: string, files: DiskFile[]): Promise<string> {
  const samples = files.flatMap(({ path, file }) => [
    `${path}\n${file.size}\n`,
    file.slice(0, SAMPLE_BYTES),
    file.slice(-SAMPLE_BYTES),
  ]);
  const hash = await sha256Hex(new Uint8Array(await new Blob(samples).arrayBuffer()));
  const slug = name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return `${slug.slice(0, 80) || 'model'}-${hash.slice(0, 12)}`;
}

/** A folder's own name says nothing inside the model: `phi/model.onnx`, `phi/model.onnx.data` become `model.onnx` and so on. */
function withoutCommonFolder(files: DiskFile[]): { folder: string | null; files: DiskFile[] } {
  const [folder] = files[0]?.path.split('/') ?? [];
  if (!folder || !files.every(({ path }) => path.startsWith(`${folder}/`))) return { folder: null, files };
  return { folder, files: files.map(({ path, file }) => ({ path: path.slice(folder.length + 1), file })) };
}

/** The first of these that says something: the only file, the folder, the largest file. */
function nameFrom(folder: string | null, largest: string, files: number): string {
  const file = nameOfFile(largest);
  return (files === 1 && file) || nameOfFolder(folder ?? '') || file || folder || largest.replace(/\.[a-z]+$/i, '');
}

/** The manifest of an import, without hashes. Throws `bad-request` where there is nothing to import. */
export async function describeImport(
  chosen: DiskFile[],
  { name, what, licence = 'unknown' }: ImportedAs = {},
): Promise<{ model: ModelManifest; files: Map<string, Blob> }> {
  const unsafe = chosen.find(({ path }) => !isSafePath(path));
  if (unsafe)
    throw new PhiError(
      'bad-request',
      `"${unsafe.path}" cannot be imported: its path must stay inside the chosen folder.`,
    );
  const { folder, files } = withoutCommonFolder(chosen);
  if (!files.some(({ file }) => file.size > 0))
    throw new PhiError('bad-request', 'There is nothing to import: no file was chosen, or all files are empty.');
  const largest = files.reduce((a, b) => (b.file.size > a.file.size ? b : a));
  const shown = name ?? nameFrom(folder, largest.path, files.length);
  const manifest: ModelManifest = {
    format: 1,
    id: await idOf(shown, files),
    name: shown,
    licence: { spdx: licence, url: '' },
    source: { name: 'from this disk', url: '' },
    ...(what === undefined ? {} : { what }),
    bytes: files.reduce((sum, { file }) => sum + file.size, 0),
    files: files.map(({ path, file }) => cutFile(path, DISK + path, file.size)),
  };
  return { model: validateManifest(manifest), files: new Map(files.map(({ path, file }) => [path, file])) };
}

async function readSlice(path: string, slice: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await slice.arrayBuffer());
  } catch (cause) {
    // Chromium: NotReadableError when the file changed or went away after it was chosen.
    throw new PhiError(
      'bad-request',
      `${path} cannot be read from the disk. It may have been changed or moved: choose it again.`,
      { path },
      { cause },
    );
  }
}

/** Copies files from the disk into the store, one shard in memory at a time. The caller holds the model's lock. */
export async function importFiles(
  context: StoreContext,
  model: ModelManifest,
  files: Map<string, Blob>,
  signal: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<StoredModel> {
  const slots = slotsOf(model);
  const meter = new Meter('import', model.bytes, 0, onProgress);
  try {
    await begin(context, model);
    const before = await storedShards(context, slots);
    for (const slot of slots) {
      throwIfCancelled(signal);
      const { offset, bytes: length } = slot.shard;
      const bytes = await readSlice(slot.file.path, files.get(slot.file.path)!.slice(offset, offset + length));
      const sha256 = await sha256Hex(bytes);
      if (before.get(slot.key)?.sha256 !== sha256) await putShard(context, slot, { bytes, sha256, etag: null }, signal);
      meter.add(length);
    }
    const stored = await storedShards(context, slots);
    if (stored.size < slots.length)
      throw new PhiError(
        'storage',
        `${model.name}: the browser deleted stored parts during the import. Free space on the disk, then try again.`,
      );
    return await complete(context, model, stored);
  } catch (cause) {
    throw await explainQuota(context, model, cause);
  } finally {
    meter.stop();
  }
}
