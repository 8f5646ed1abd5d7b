import type { Tensor } from 'onnxruntime-web';
import type { PhiConfig } from '../checkpoint/types.ts';
import { emptyRows, type KvRows } from '../decoder.ts';
import type { Ort } from '../runtime/ort.ts';
import { OVERRUN_BYTES } from './step/plan.ts';

/** Slots are added in steps of this many: a session's input has exactly the current number, so that short sequences copy little. */
const GRANULE = 128;

const PAGE_BYTES = 2 ** 16;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** A WebAssembly memory that ends in the cache: from byte `start` on it holds the keys and values of one layer after the other. */
export interface CacheArena {
  memory: WebAssembly.Memory;
  start: number;
}

/**
 * Keys and values of a sequence, for the WASM backend, laid out as its graph reads them: keys `[kvHeads, 1, headDim, slots]`, values
 * `[kvHeads, 1, slots, headDim]`, one pair for each layer. They lie in arrays of their own, or in an arena.
 */
export class KvCache {
  readonly #kvHeads: number;
  readonly #headDim: number;
  readonly #most: number;
  readonly keys: Float32Array[];
  readonly values: Float32Array[];
  readonly #arena: CacheArena | null;
  #slots = 0;

  /** `most`: the longest sequence. */
  constructor(config: PhiConfig, most: number, arena: CacheArena | null = null) {
    this.#arena = arena;
    this.#kvHeads = config.kvHeads;
    this.#headDim = config.headDim;
    this.#most = most;
    this.keys = Array.from({ length: config.layers }, () => new Float32Array(0));
    this.values = Array.from({ length: config.layers }, () => new Float32Array(0));
  }

  /** Slots allocated at present. */
  get slots(): number {
    return this.#slots;
  }

  get bytes(): number {
    return 2 * this.keys.length * this.#kvHeads * this.#headDim * this.#slots * FLOAT_BYTES;
  }

  /** Makes room for `count` slots; what is stored stays. Gives memory back when far fewer are needed. */
  reserve(count: number): void {
    const wanted = Math.min(this.#most, Math.max(GRANULE, Math.ceil(count / GRANULE) * GRANULE));
    // A run of steps asks for more than the draft behind it: not down and up again for that.
    if (wanted <= this.#slots && wanted >= this.#slots - GRANULE) return;
    const kept = Math.min(wanted, this.#slots);
    const layers = [...this.keys.keys()];
    // In an arena everything moves: what is moved first must not lie where something else still is.
    const growing = wanted > this.#slots;
    this.#makeRoom(wanted);
    for (const layer of growing ? layers.reverse() : layers) {
      const keys = this.#resized(this.keys[layer]!, this.#kvHeads * this.#headDim, this.#slots, wanted, kept, 1);
      const values = this.#resized(this.values[layer]!, this.#kvHeads, this.#slots, wanted, kept, this.#headDim);
      this.keys[layer] = this.#placed(keys, 2 * layer);
      this.values[layer] = this.#placed(values, 2 * layer + 1);
    }
    this.#slots = wanted;
  }

  #makeRoom(slots: number): void {
    if (!this.#arena) return;
    const { memory, start } = this.#arena;
    const bytes = start + this.keys.length * 2 * this.#kvHeads * this.#headDim * slots * FLOAT_BYTES + OVERRUN_BYTES;
    const missing = bytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  }

  /** `array` where the cache keeps it: the `place`th of all. */
  #placed(array: Float32Array, place: number): Float32Array {
    if (!this.#arena) return array;
    const { memory, start } = this.#arena;
    const placed = new Float32Array(memory.buffer, start + place * array.byteLength, array.length);
    placed.set(array);
    return placed;
  }

  #resized(old: Float32Array, rows: number, from: number, to: number, kept: number, width: number): Float32Array {
    const out = new Float32Array(rows * to * width);
    for (let row = 0; row < rows; row++)
      out.set(old.subarray(row * from * width, (row * from + kept) * width), row * to * width);
    return out;
  }

  /** The cache as a run's inputs: `past_key.l` and `past_value.l` of every layer. */
  feeds(OrtTensor: Ort['Tensor']): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (let layer = 0; layer < this.keys.length; layer++) {
      feeds[`past_key.${layer}`] = new OrtTensor('float32', this.keys[layer]!, [
        this.#kvHeads,
        1,
        this.#headDim,
        this.#slots,
      ]);
      feeds[`past_value.${layer}`] = new OrtTensor('float32', this.values[layer]!, [
        this.#kvHeads,
        1,
        this.#slots,
        this.#headDim,
      ]);
    }
    return feeds;
  }

  /** Names of the outputs that `keep` wants. */
  get fetches(): string[] {
    return this.keys.flatMap((_, layer) => [`new_key.${layer}`, `new_value.${layer}`]);
  }

  /** Stores what a run has added at slots `past` and on, making room for it. */
  keep(past: number, result: Readonly<Record<string, Tensor>>): void {
    const added = result['new_value.0']!.dims[2]!;
    this.reserve(past + added);
    for (let layer = 0; layer < this.keys.length; layer++) {
      this.write(
        layer,
        past,
        added,
        result[`new_key.${layer}`]!.data as Float32Array,
        result[`new_value.${layer}`]!.data as Float32Array,
      );
    }
  }

  /** Stores a run's keys `[kvHeads, 1, headDim, count]` and values `[kvHeads, 1, count, headDim]` of one layer at `slot`. */
  write(layer: number, slot: number, count: number, keys: Float32Array, values: Float32Array): void {
    const keyCache = this.keys[layer]!;
    const rows = this.#kvHeads * this.#headDim;
    for (let row = 0; row < rows; row++) {
      const to = row * this.#slots + slot;
      if (count === 1) keyCache[to] = keys[row]!;
      else keyCache.set(keys.subarray(row * count, (row + 1) * count), to);
    }
    const width = this.#headDim;
    for (let head = 0; head < this.#kvHeads; head++) {
      this.values[layer]!.set(
        values.subarray(head * count * width, (head + 1) * count * width),
        (head * this.#slots + slot) * width,
      );
    }
  }

  /** Slots `[from, to)` of a layer. */
  rows(layer: number, from: number, to: number): KvRows {
    const count = to - from;
    const rows = emptyRows(this.#kvHeads, count, this.#headDim);
    const width = this.#headDim;
    const keyCache = this.keys[layer]!;
    for (let head = 0; head < this.#kvHeads; head++) {
      for (let j = 0; j < width; j++) {
        const at = (head * width + j) * this.#slots + from;
        for (let i = 0; i < count; i++) rows.keys[(head * count + i) * width + j] = keyCache[at + i]!;
      }
      const [start, end] = [(head * this.#slots + from) * width, (head * this.#slots + to) * width];
      rows.values.set(this.values[layer]!.subarray(start, end), head * count * width);
    }
    return rows;
  }

  /** Puts a layer's rows of `count` tokens into its first slots, for which `reserve` has made room. */
  fill(layer: number, count: number, { keys, values }: KvRows): void {
    const width = this.#headDim;
    const keyCache = this.keys[layer]!;
    for (let head = 0; head < this.#kvHeads; head++) {
      for (let j = 0; j < width; j++) {
        const at = (head * width + j) * this.#slots;
        for (let i = 0; i < count; i++) keyCache[at + i] = keys[(head * count + i) * width + j]!;
      }
      this.values[layer]!.set(
        values.subarray(head * count * width, (head + 1) * count * width),
        head * this.#slots * width,
      );
    }
  }
}
