import { PhiError } from '../shared/errors.ts';
import type { ModelFile, StoredModel } from '../shared/protocol.ts';
import { assertRange, type ByteSource } from './bytes.ts';
import type { StoreContext } from './context.ts';
import { readBlob, sha256Hex } from './hash.ts';
import type { Slot } from './inventory.ts';
import { damagedError, verify } from './verify.ts';

/** A shard of an open file: its place and the handle that was taken when the file was opened. */
interface OpenShard {
  slot: Slot;
  blob: Blob;
  /** First byte of the shard inside the file. */
  start: number;
}

interface Piece {
  shard: OpenShard;
  /** Bytes of the shard, `to` excluded. */
  from: number;
  to: number;
}

/**
 * A stored file. Every shard is hashed when it is first touched after the page was opened, so that no model of any size
 * ever computes with wrong bytes, however it is read (98 MB on two cores: 0.23 s more). What was downloaded in this
 * visit was hashed on its way.
 */
export class ShardedSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #context: StoreContext;
  readonly #model: StoredModel;
  readonly #shards: OpenShard[] = [];
  /** Belongs to these Blobs only: a later check of the same key may see a shard that was fetched again. */
  readonly #sound = new Set<OpenShard>();
  readonly #checks = new Map<OpenShard, Promise<void>>();
  /** Bytes of the shard that was hashed last, while memory lasts: the reads that follow are mostly of the same shard. */
  #recent: { shard: OpenShard; bytes: WeakRef<Uint8Array<ArrayBuffer>> } | null = null;

  /** @param parts every shard of `file` in order, with the size that the manifest says */
  constructor(context: StoreContext, model: StoredModel, file: ModelFile, parts: { slot: Slot; blob: Blob }[]) {
    this.name = file.path;
    this.size = file.bytes;
    this.#context = context;
    this.#model = model;
    let start = 0;
    for (const part of parts) {
      const shard = { ...part, start };
      this.#shards.push(shard);
      if (context.verified.has(part.slot.key)) this.#sound.add(shard);
      start += part.blob.size;
    }
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const pieces = await this.#pieces(offset, length);
    const out = new Uint8Array(length);
    let at = 0;
    for (const { shard, from, to } of pieces) {
      const recent = this.#recent?.shard === shard ? this.#recent.bytes.deref() : undefined;
      out.set(recent ? recent.subarray(from, to) : new Uint8Array(await shard.blob.slice(from, to).arrayBuffer()), at);
      at += to - from;
    }
    return out;
  }

  async blob(offset: number, length: number): Promise<Blob> {
    const pieces = await this.#pieces(offset, length);
    return new Blob(pieces.map(({ shard, from, to }) => shard.blob.slice(from, to)));
  }

  /** The shards that hold the range, each checked, and which bytes of them. */
  async #pieces(offset: number, length: number): Promise<Piece[]> {
    assertRange(this.name, this.size, offset, length);
    const pieces: Piece[] = [];
    for (const shard of this.#shards) {
      const from = Math.max(offset - shard.start, 0);
      const to = Math.min(offset + length - shard.start, shard.blob.size);
      if (from >= to) continue;
      await this.#check(shard);
      pieces.push({ shard, from, to });
    }
    return pieces;
  }

  #check(shard: OpenShard): Promise<void> {
    if (this.#sound.has(shard)) return Promise.resolve();
    let check = this.#checks.get(shard);
    if (!check) {
      // Not remembered after it ends: a failure must not stick, and success is in `#sound`.
      check = this.#hash(shard).finally(() => this.#checks.delete(shard));
      this.#checks.set(shard, check);
    }
    return check;
  }

  async #hash(shard: OpenShard): Promise<void> {
    const { slot, blob } = shard;
    const bytes = await readBlob(blob);
    if (!bytes || (await sha256Hex(bytes)) !== slot.shard.sha256) throw await this.#damage(slot);
    this.#recent = { shard, bytes: new WeakRef(bytes) };
    this.#context.verified.add(slot.key);
    this.#sound.add(shard);
  }

  /** If one shard is damaged, others may be too. All are checked, so that one more `install` repairs the model. */
  async #damage(slot: Slot): Promise<PhiError> {
    const damaged = await verify(this.#context, this.#model, new AbortController().signal);
    if (damaged.length > 0) return damagedError(this.#model, damaged);
    return new PhiError('integrity', `${slot.what} was damaged and has been repaired since. Load the model again.`, {
      model: this.#model.id,
    });
  }
}
