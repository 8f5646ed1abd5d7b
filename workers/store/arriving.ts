import { PhiError } from '../shared/errors.ts';
import type { ModelManifest, StoredModel } from '../shared/protocol.ts';
import { assertRange, type ByteSource, type ModelFiles } from './bytes.ts';
import type { StoreContext } from './context.ts';
import { hashBlob } from './hash.ts';
import { slotsOf, type Slot } from './inventory.ts';
import { describeMadeOf } from './made-of.ts';
import type { MadeOf, StoredShard } from './tables.ts';

/** A shard that is stored, or will be. */
class ArrivingShard {
  readonly slot: Slot;
  /** First byte inside the file. */
  readonly start: number;
  /** Hashes of all versions of it that were stored meanwhile: more than one where it was fetched again. */
  readonly hashes = new Set<string>();
  wasRead = false;
  readonly #stored: Promise<void>;
  #resolve!: () => void;
  #reject!: (cause: unknown) => void;
  #blob: Promise<Blob> | null = null;

  constructor(slot: Slot, start: number) {
    this.slot = slot;
    this.start = start;
    this.#stored = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#stored.catch(() => undefined); // whoever reads has the rejection
  }

  arrived(sha256: string): void {
    this.hashes.add(sha256);
    this.#resolve();
  }

  fail(cause: unknown): void {
    this.#reject(cause);
  }

  /** Its Blob as it lies in the store: what was downloaded is not held in memory for those who may read it. */
  async blob(context: StoreContext): Promise<Blob> {
    await this.#stored;
    this.wasRead = true;
    this.#blob ??= this.#open(context);
    return this.#blob;
  }

  async #open({ tables, verified }: StoreContext): Promise<Blob> {
    const { key, what } = this.slot;
    const stored = await tables.shards.get(key);
    // What an earlier visit left was not hashed in this one.
    const sound = stored && (verified.has(key) || (await hashBlob(stored.blob)) === stored.sha256);
    if (!sound) throw new PhiError('integrity', `${what} is missing or damaged in the browser's storage.`);
    this.hashes.add(stored.sha256);
    return stored.blob;
  }
}

/** A model's files while they are downloaded. A read waits until the shards of its range are stored. */
export class ArrivingFiles {
  /** Id of the model. */
  readonly model: string;
  readonly files: ModelFiles;
  /** On the clock of `performance`. */
  readonly since = performance.now();
  readonly #shards = new Map<string, ArrivingShard>();

  constructor(context: StoreContext, model: ModelManifest) {
    this.model = model.id;
    this.files = new Map(
      model.files.map((file) => {
        let start = 0;
        const shards = slotsOf(model, [file]).map((slot) => {
          const shard = new ArrivingShard(slot, start);
          start += slot.shard.bytes;
          this.#shards.set(slot.key, shard);
          return shard;
        });
        return [file.path, arrivingSource(context, file.path, file.bytes, shards)];
      }),
    );
  }

  /** A shard has been checked and stored. */
  arrived(key: string, { sha256 }: Pick<StoredShard, 'sha256'>): void {
    this.#shards.get(key)?.arrived(sha256);
  }

  /** The download has ended without these bytes: rejects what waits for them. */
  fail(cause: unknown): void {
    for (const shard of this.#shards.values()) shard.fail(cause);
  }

  /** The shards that have been read, for weights that were made of them; null if one of them was fetched again meanwhile. */
  madeOf(): Promise<MadeOf | null> {
    const shards = [...this.#shards.values()];
    return describeMadeOf(
      this.#hashes(),
      shards.flatMap(({ wasRead }, place) => (wasRead ? [place] : [])),
    );
  }

  /** Whether the shards that `of` names have arrived, as they were then. */
  async has(of: MadeOf): Promise<boolean> {
    return (await describeMadeOf(this.#hashes(), of.shards))?.sha256 === of.sha256;
  }

  /** Hash of each shard; null where it has not arrived, or arrived in two versions. */
  #hashes(): [key: string, sha256: string | null][] {
    return [...this.#shards].map(([key, { hashes }]) => [key, hashes.size === 1 ? [...hashes][0]! : null]);
  }

  /** Whether every byte that was read is one of `model` as it is stored. A shard may have been dropped and fetched again. */
  agrees(model: StoredModel): boolean {
    const final = new Map(slotsOf(model).map(({ key, shard }) => [key, shard.sha256]));
    return [...this.#shards].every(
      ([key, { wasRead, hashes }]) => !wasRead || (hashes.size === 1 && hashes.has(final.get(key) ?? '')),
    );
  }
}

function arrivingSource(
  context: StoreContext,
  name: string,
  size: number,
  shards: readonly ArrivingShard[],
): ByteSource {
  const blob = async (offset: number, length: number): Promise<Blob> => {
    assertRange(name, size, offset, length);
    const end = offset + length;
    const touched = shards.filter(({ start, slot }) => start < end && start + slot.shard.bytes > offset);
    const parts = await Promise.all(
      touched.map(async (shard) => {
        const whole = await shard.blob(context);
        return whole.slice(Math.max(0, offset - shard.start), end - shard.start);
      }),
    );
    return parts.length === 1 ? parts[0]! : new Blob(parts);
  };
  return {
    name,
    size,
    blob,
    read: async (offset, length) => new Uint8Array(await (await blob(offset, length)).arrayBuffer()),
  };
}
