import { PhiError } from '../errors.ts';
import type { ModelFile, StoredModel } from '../protocol.ts';
import { assertRange, type ByteSource, type ModelFiles } from './bytes.ts';
import type { StoreContext } from './context.ts';
import { hashBlob } from './hash.ts';
import { demote, slotsOf, storedShards, type Slot } from './inventory.ts';

/** A damaged or missing shard: the model no longer counts as whole, and the error names what `install` will fetch again. */
async function damaged(context: StoreContext, model: StoredModel, slots: Slot[]): Promise<PhiError> {
  await demote(
    context,
    model,
    slots.map(({ key }) => key),
  );
  const [first] = slots;
  const names = slots.map(({ what }) => what).join('; ');
  const message = `${model.name} is damaged in the browser's storage: ${names}. Only this is fetched again when the model is installed once more.`;
  return new PhiError('integrity', message, { model: model.id, path: first?.file.path ?? null, shard: first?.index ?? null, damaged: slots.length });
}

/**
 * Every shard is hashed when it is first touched after the page was opened (a 64 MiB shard takes some 50 ms, and its bytes are then
 * in the disk cache for the read itself), so that no model computes with wrong bytes, whatever its size and however it is read.
 */
class ShardedSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #context: StoreContext;
  readonly #model: StoredModel;
  readonly #slots: Slot[];
  readonly #blobs: Blob[];
  /** Position of each shard in the file, in bytes. */
  readonly #starts: number[];
  /** Of these very Blobs: what is verified later under the same key may be a shard that was fetched again. */
  readonly #sound: Set<Slot>;
  readonly #checks = new Map<Slot, Promise<void>>();

  constructor(context: StoreContext, model: StoredModel, file: ModelFile, slots: Slot[], blobs: Blob[]) {
    this.name = file.path;
    this.size = file.bytes;
    this.#context = context;
    this.#model = model;
    this.#slots = slots;
    this.#blobs = blobs;
    this.#sound = new Set(slots.filter(({ key }) => context.verified.has(key)));
    let start = 0;
    this.#starts = slots.map(({ shard }) => (start += shard.bytes) - shard.bytes);
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const out = new Uint8Array(length);
    let at = 0;
    for (const piece of await this.#pieces(offset, length)) {
      out.set(new Uint8Array(await piece.arrayBuffer()), at);
      at += piece.size;
    }
    return out;
  }

  async blob(offset: number, length: number): Promise<Blob> {
    return new Blob(await this.#pieces(offset, length));
  }

  /** Slices of the shards that hold the range, each shard checked. */
  async #pieces(offset: number, length: number): Promise<Blob[]> {
    assertRange(this.name, this.size, offset, length);
    const pieces: Blob[] = [];
    for (const [i, slot] of this.#slots.entries()) {
      const start = this.#starts[i]!;
      const from = Math.max(offset - start, 0);
      const to = Math.min(offset + length - start, slot.shard.bytes);
      if (from >= to) continue;
      await this.#check(slot, this.#blobs[i]!);
      pieces.push(this.#blobs[i]!.slice(from, to));
    }
    return pieces;
  }

  #check(slot: Slot, blob: Blob): Promise<void> {
    if (this.#sound.has(slot)) return Promise.resolve();
    let check = this.#checks.get(slot);
    if (!check) {
      // Not remembered after it ends: a failure must not stick, and success is in `#sound`.
      check = this.#hash(slot, blob).finally(() => this.#checks.delete(slot));
      this.#checks.set(slot, check);
    }
    return check;
  }

  async #hash(slot: Slot, blob: Blob): Promise<void> {
    if ((await hashBlob(blob)) !== slot.shard.sha256) throw await damaged(this.#context, this.#model, [slot]);
    this.#context.verified.add(slot.key);
    this.#sound.add(slot);
  }
}

/** The files of a stored model. Rejects with `integrity` when a shard is missing or short; nothing is read yet. */
export async function openFiles(context: StoreContext, model: StoredModel): Promise<ModelFiles> {
  const slots = slotsOf(model);
  const stored = await storedShards(context, slots);
  const missing = slots.filter(({ key }) => !stored.has(key));
  if (missing.length > 0) throw await damaged(context, model, missing);
  return new Map(
    model.files.map((file) => {
      const own = slotsOf(model, [file]);
      return [
        file.path,
        new ShardedSource(
          context,
          model,
          file,
          own,
          own.map(({ key }) => stored.get(key)!.blob),
        ),
      ];
    }),
  );
}
