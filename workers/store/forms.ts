/**
 * Weight forms made from a model (int8, float32): costly to make, worthless to keep when room is short. One form is a list of
 * chunks under `${model}/${contentHash}/${form}/v${version}`:
 *
 *   `${form key}#${index}`   the chunks
 *   `${form key}`            FormHeader, written last; without it the form does not exist
 *
 * Forms that are made during a download lie under `${model}/${form}/early/v${version}`, because the model's hash is not known yet: their header says
 * which shards they were made of.
 */
import { PhiError } from '../shared/errors.ts';
import type { StoredForm, StoredModel } from '../shared/protocol.ts';
import { slicesOf } from '../shared/blob-stream.ts';
import { throwIfCancelled } from './cancel.ts';
import type { ArrivingFiles } from './arriving.ts';
import type { StoreContext } from './context.ts';
import { createChecksum, readBlob, sha256Hex } from './hash.ts';
import { evictCaches, reportCaches } from './kept-caches.ts';
import { isMadeOf } from './made-of.ts';
import { freeRoom } from './room.ts';
import { modelPrefix, type FormEntry, type FormHeader } from './tables.ts';

export interface FormKey {
  model: StoredModel;
  /** "int8", "float32"; part of the key, so it must identify the layout. */
  form: string;
  /** Version of the code that makes it: a new version does not read data of the old one. */
  version: number;
}

/**
 * Never more than this part of the free room for something that can be made again. Chromium reports 5 to 10 GiB of it whatever the disk has, and the
 * weights of a Phi-4-mini take 3.8 GB.
 */
const SHARE_OF_FREE_ROOM = 1 / 2;
const formPrefix = (model: string, form: string): string => `${modelPrefix(model)}${form}/`;
const formsOf = ({ model, form }: FormKey) => formPrefix(model.id, form);

/** A hash over the hashes of all shards: what was made from other bytes is never found. */
export async function contentHash(model: StoredModel): Promise<string> {
  const hashes = model.files.flatMap(({ path, shards }) => [path, ...shards.map(({ sha256 }) => sha256 ?? '')]);
  const content = await sha256Hex(new TextEncoder().encode(hashes.join('\n')));
  return content.slice(0, 32);
}

const formKey = async (key: FormKey): Promise<string> =>
  `${formsOf(key)}${await contentHash(key.model)}/v${key.version}`;

/** A form of a model that is being downloaded. */
export interface EarlyFormKey extends Omit<FormKey, 'model'> {
  arriving: ArrivingFiles;
}

const earlyKey = (model: string, { form, version }: Pick<FormKey, 'form' | 'version'>): string =>
  `${formPrefix(model, form)}early/v${version}`;

/** A form's bytes: outside this worker's heap, or in it, in pieces that follow each other. */
export type FormBytes = Blob | readonly Uint8Array<ArrayBuffer>[];

const chunkKey = (key: string, index: number) => `${key}#${index}`;
const isHeader = (value: FormEntry | undefined): value is FormHeader =>
  value !== undefined && !(value instanceof Blob) && Array.isArray(value.chunks);

/**
 * A form, every chunk of it re-read and compared with its sum; null when there is none. A damaged form is dropped and null too: it is made again.
 * Its bytes are not held: beside the session that reads them they would double the memory of a load.
 */
export async function openForm(context: StoreContext, form: FormKey, signal: AbortSignal): Promise<Blob | null> {
  const found = await findForm(context, form);
  return found && soundBlob(context, form, found, signal);
}

/** `openForm`, but a form of up to `mostBytes` is held as it is read, which spares whoever needs it a second read. */
export async function holdForm(
  context: StoreContext,
  form: FormKey,
  mostBytes: number,
  signal: AbortSignal,
): Promise<FormBytes | null> {
  const found = await findForm(context, form);
  if (!found) return null;
  if (found.header.chunks.reduce((sum, { bytes }) => sum + bytes, 0) > mostBytes)
    return soundBlob(context, form, found, signal);
  const checksum = await createChecksum();
  return soundChunks(context, form, found, signal, async (blob, xxh64) => {
    const bytes = await readBlob(blob);
    return bytes && checksum.of(bytes) === xxh64 ? bytes : null;
  });
}

async function soundBlob(
  context: StoreContext,
  form: FormKey,
  found: FoundForm,
  signal: AbortSignal,
): Promise<Blob | null> {
  const checksum = await createChecksum();
  const chunks = await soundChunks(context, form, found, signal, async (blob, xxh64) =>
    (await checksum.ofBlob(blob)) === xxh64 ? blob : null,
  );
  return chunks && new Blob(chunks);
}

/** What `read` makes of each chunk; null, and the form is dropped, if one is missing or `read` finds that it is not what its sum says. */
async function soundChunks<T>(
  { tables }: StoreContext,
  form: FormKey,
  { key, header }: FoundForm,
  signal: AbortSignal,
  read: (blob: Blob, xxh64: string) => Promise<T | null>,
): Promise<T[] | null> {
  const blobs = await tables.forms.getMany(header.chunks.map((_, i) => chunkKey(key, i)));
  const sound: T[] = [];
  for (const [i, { bytes, xxh64 }] of header.chunks.entries()) {
    throwIfCancelled(signal);
    const blob = blobs[i];
    const chunk = blob instanceof Blob && blob.size === bytes ? await read(blob, xxh64) : null;
    if (chunk === null) {
      await tables.forms.deleteAll(formsOf(form));
      return null;
    }
    sound.push(chunk);
  }
  return sound;
}

/** True if the form is stored. What it holds is not read: `openForm` may still find it damaged. */
export async function hasForm(context: StoreContext, form: FormKey): Promise<boolean> {
  return (await findForm(context, form)) !== null;
}

interface FoundForm {
  key: string;
  header: FormHeader;
}

async function findForm({ tables }: StoreContext, form: FormKey): Promise<FoundForm | null> {
  const [key, early] = [await formKey(form), earlyKey(form.model.id, form)];
  const header = await tables.forms.get(key);
  if (isHeader(header)) return { key, header };
  const earlyHeader = await tables.forms.get(early);
  const fits = isHeader(earlyHeader) && earlyHeader.of && (await isMadeOf(form.model, earlyHeader.of));
  return fits ? { key: early, header: earlyHeader } : null;
}

/** True if this form was kept during an earlier part of the download, and what it was made of is there. */
export async function hasEarlyForm({ tables }: StoreContext, { arriving, ...form }: EarlyFormKey): Promise<boolean> {
  const header = await tables.forms.get(earlyKey(arriving.model, form));
  return isHeader(header) && header.of !== undefined && (await arriving.has(header.of));
}

/**
 * Keeps a form of a model that is being downloaded, in place of older ones of its kind. False when there is no room (or something was dropped to
 * make room for the download), when what it was made of was fetched again meanwhile, or when the download was removed.
 */
export async function saveEarlyForm(
  { tables, freedAt }: StoreContext,
  { arriving, ...form }: EarlyFormKey,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const of = await arriving.madeOf();
  if (!of || freedAt > arriving.since) return false;
  const [key, prefix] = [earlyKey(arriving.model, form), formPrefix(arriving.model, form.form)];
  await tables.forms.deleteAll(prefix);
  try {
    await tables.forms.set(chunkKey(key, 0), new Blob([bytes]));
    const there = await Promise.all([tables.partials.get(arriving.model), tables.manifests.get(arriving.model)]);
    const kept = there.some((manifest) => manifest !== undefined);
    const header: FormHeader = { chunks: [{ bytes: bytes.length, xxh64: (await createChecksum()).of(bytes) }], of };
    if (kept) await tables.forms.set(key, header);
    else await tables.forms.deleteAll(prefix);
    return kept;
  } catch (cause) {
    await tables.forms.deleteAll(prefix);
    if (cause instanceof PhiError && cause.code === 'quota') return false;
    throw cause;
  }
}

/** Where made weights of this size find room: beside the kept caches, only in their place, or nowhere. Unknown free space counts as no space. */
async function roomForForm(
  context: StoreContext,
  bytes: number,
): Promise<'beside caches' | 'in place of caches' | null> {
  const room = (await freeRoom()) ?? 0;
  const fits = (free: number) => bytes <= free * SHARE_OF_FREE_ROOM;
  if (fits(room)) return 'beside caches';
  const { bytes: cacheBytes } = await reportCaches(context);
  return fits(room + cacheBytes) ? 'in place of caches' : null;
}

/** True if made weights of this size may be kept. `saveForm` deletes kept caches for them, if that is needed. */
export async function mayKeepForm(context: StoreContext, bytes: number): Promise<boolean> {
  return (await roomForForm(context, bytes)) !== null;
}

/**
 * Keeps a form, chunk by chunk as it is made (at most 64 MiB each), in place of older ones of its kind. False when there is not
 * enough room: then nothing of it is kept. Asking for more chunks stops as soon as that is known.
 * @param bytes of the whole form, for the decision beforehand
 */
export async function saveForm(
  context: StoreContext,
  form: FormKey,
  bytes: number,
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<boolean> {
  const { tables } = context;
  await tables.forms.deleteAll(formsOf(form));
  const room = await roomForForm(context, bytes);
  if (!room) return false;
  if (room === 'in place of caches') await evictCaches(context);
  const key = await formKey(form);
  const header: FormHeader = { chunks: [] };
  const checksum = await createChecksum();
  try {
    for await (const chunk of chunks) {
      await tables.forms.set(chunkKey(key, header.chunks.length), new Blob([chunk]));
      header.chunks.push({ bytes: chunk.length, xxh64: checksum.of(chunk) });
    }
    // The model may have been removed meanwhile: nobody would ever remove its form.
    const kept = (await tables.manifests.get(form.model.id)) !== undefined;
    if (kept) await tables.forms.set(key, header);
    else await tables.forms.deleteAll(formsOf(form));
    return kept;
  } catch (cause) {
    await tables.forms.deleteAll(formsOf(form));
    if (cause instanceof PhiError && cause.code === 'quota') return false;
    throw cause;
  }
}

/** Stored size of each weight format of each model. */
export async function listForms({ tables }: StoreContext): Promise<StoredForm[]> {
  const found = new Map<string, StoredForm>();
  for (const [key, value] of await tables.forms.entries()) {
    const [model = '', form = ''] = key.split('/');
    if (!(value instanceof Blob)) continue;
    const entry = found.get(`${model}/${form}`) ?? { model, form, bytes: 0 };
    entry.bytes += value.size;
    found.set(`${model}/${form}`, entry);
  }
  return [...found.values()];
}

/** Drops the forms of one model. */
export async function removeForms(context: StoreContext, model: string): Promise<void> {
  await context.tables.forms.deleteAll(modelPrefix(model));
  context.freedAt = performance.now();
}

/** Drops every form. A model that computes with one keeps its Blobs, and so their room, until it is unloaded. */
export async function evictForms(context: StoreContext): Promise<void> {
  if ((await listForms(context)).length === 0) return;
  await context.tables.forms.deleteAll('');
  context.freedAt = performance.now();
}

const CHUNK_BYTES = 32 * 1024 * 1024;

export const formSize = (form: FormBytes): number =>
  form instanceof Blob ? form.size : form.reduce((sum, { length }) => sum + length, 0);

/** Bytes `[start, end)` of pieces that follow each other; of one piece without a copy. */
export function joined(
  pieces: readonly Uint8Array<ArrayBuffer>[],
  start: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (const piece of pieces) {
    if (at < end && at + piece.length > start) parts.push(piece.subarray(Math.max(0, start - at), end - at));
    at += piece.length;
  }
  if (parts.length === 1) return parts[0]!;
  const out = new Uint8Array(end - start);
  let to = 0;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}

/** A form as `saveForm` takes it. */
export async function* chunksOf(form: FormBytes): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (form instanceof Blob) {
    yield* slicesOf(form, CHUNK_BYTES);
    return;
  }
  const size = formSize(form);
  for (let at = 0; at < size; at += CHUNK_BYTES) yield joined(form, at, Math.min(size, at + CHUNK_BYTES));
}
