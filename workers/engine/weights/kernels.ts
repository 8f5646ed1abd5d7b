/**
 * The loops over weights in WebAssembly SIMD, whose source is scripts/make/weight-kernels.ts. Every engine that runs here has WebAssembly SIMD: ONNX
 * Runtime needs it. All counts are multiples of 4, those of `round`, `roundEach` and `transpose` of 16; addresses are bytes.
 */
import { KERNELS } from './kernels.wasm.ts';

/** Rows of a tile that `transpose` takes. */
export const TILE = 64;

export interface Kernels {
  readonly memory: WebAssembly.Memory;
  /** Float32 weights of `blocks` blocks of `block` codes: scale * (code - zero). */
  dequantiseSymmetric(codes: number, scales: number, out: number, blocks: number, block: number, zero: number): void;
  /** The same plus a minimum for each block, rounded once. */
  dequantise(
    codes: number,
    scales: number,
    mins: number,
    out: number,
    blocks: number,
    block: number,
    zero: number,
  ): void;
  /** values[i] *= factors[i] */
  multiplyEach(values: number, factors: number, count: number): void;
  /** values[i] *= factor */
  multiply(values: number, count: number, factor: number): void;
  /** Walsh-Hadamard transform of every `power` values, unscaled; a power of two from 4 on. */
  hadamard(values: number, count: number, power: number): void;
  /** x - factor * sum(x) over every `p` values that lie `stride` apart. */
  reflect(values: number, count: number, p: number, stride: number, factor: number): void;
  /** Largest absolute value. */
  largest(values: number, count: number): number;
  /** most[i] = max(most[i], |values[i]|) */
  largestEach(values: number, most: number, count: number): void;
  /** Nearest int8 of values[i] * factor. */
  round(values: number, count: number, factor: number, out: number): void;
  /** Nearest int8 of values[i] * factors[i]. */
  roundEach(values: number, factors: number, count: number, out: number): void;
  /** Bytes `[TILE, cols]` to `[cols, TILE]`. */
  transpose(tile: number, cols: number, out: number): void;
}

const PAGE_BYTES = 2 ** 16;
const ALIGNMENT = 64;

let loaded: Kernels | null = null;

export function kernels(): Kernels {
  if (loaded) return loaded;
  const bytes = Uint8Array.from(atob(KERNELS), (letter) => letter.charCodeAt(0));
  return (loaded = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Kernels);
}

/** Addresses for arrays of `sizes` bytes, one after another; the memory is as large as they need. Earlier views of the memory end here. */
export function place({ memory }: Kernels, sizes: readonly number[]): number[] {
  let at = 0;
  const places = sizes.map((bytes) => {
    const place = at;
    at += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return place;
  });
  const missing = at - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return places;
}
