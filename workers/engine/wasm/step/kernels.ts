/**
 * The loops of a few tokens' way through the decoder. Source: scripts/make/step-kernels.ts. They need relaxed SIMD, threads and two memories (Chromium
 * 120 and newer; Firefox; no Safari yet): where they do not compile, ONNX Runtime decodes. Codes, scales and the embedding lie in the memory of
 * weights, everything else in the arena. Addresses are bytes. Counts of columns are multiples of 16, `k` of 8, other counts of 4 unless said.
 */
import { STEP_KERNELS } from './kernels.wasm.ts';

/** Offset of codes of 16 bits; see int8-products.ts. */
export const CODE_OFFSET_16 = 256 * 128 + 128.5;

export interface StepKernels {
  /**
   * The three parts of a product: out[column] = unit * scale * sum over k of weight * (code - 32,896), for `cols` columns of a weight `[k, n]`.
   * `sums`: room for 12 bytes a column. Integers all the way, so the order of sums does not matter.
   */
  begin(columnSums: number, sums: number, cols: number): void;
  /** Adds `k` rows of the weight, from `w` on. `x`: their codes of `encode`. */
  sweep(w: number, k: number, n: number, x: number, sums: number, cols: number): void;
  finish(scales: number, sums: number, out: number, cols: number, unit: number): void;
  /** out[column] = sum over k of the weights, int32. `x`: k codes that are 1. */
  columnSums(w: number, k: number, n: number, x: number, sums: number, out: number, cols: number): void;
  /** Codes of 16 bits, trunc(x * inverse * factor + offset), in digits of 2, 7 and 7 bits: 12 bytes for four numbers. */
  encode(x: number, n: number, out: number, inverse: number, factor: number, offset: number): void;
  sumSquares(x: number, n: number): number;
  /** x += y */
  addTo(x: number, y: number, n: number): void;
  /** out = codes * scale, a row of the embedding. */
  embed(codes: number, scale: number, out: number, n: number): void;
  /** out = gate / (1 + e^-gate) * up */
  silu(gate: number, up: number, out: number, n: number): void;
  /** `heads` heads of `dim` numbers, the first 2 `half` of each rotated; any counts. `out` may be `x`. */
  rope(x: number, out: number, heads: number, dim: number, half: number, cos: number, sin: number): void;
  /** Puts a head's key and value into `slot` of keys `[dim, slots]` and values `[slots, dim]`. */
  keep(key: number, value: number, keys: number, values: number, slot: number, slots: number, dim: number): void;
  /** One head's attention over slots `[from, to)`; `dim` is a multiple of 16. Reads up to 15 slots behind `to`. `scores`: room for all slots, and 15 more. */
  attend(
    q: number,
    keys: number,
    values: number,
    out: number,
    scores: number,
    from: number,
    to: number,
    slots: number,
    dim: number,
  ): void;
  /**
   * A barrier of two words at `at`. Looks `looks` times before it sleeps. Returns 0 if the others have not come after `patience` ms.
   */
  meet(at: number, threads: number, looks: number, patience: number): number;
  /** Waits until the word at `at` is not `seen`; returns it. */
  awaitWork(at: number, seen: number, looks: number): number;
}

let compiled: WebAssembly.Module | null | undefined;

/** The module; null where this browser cannot run it. */
export function stepModule(): WebAssembly.Module | null {
  if (compiled !== undefined) return compiled;
  const bytes = Uint8Array.from(atob(STEP_KERNELS), (letter) => letter.charCodeAt(0));
  return (compiled = WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : null);
}

export function stepKernels(
  module: WebAssembly.Module,
  arena: WebAssembly.Memory,
  weights: WebAssembly.Memory,
): StepKernels {
  return new WebAssembly.Instance(module, { step: { arena, weights } }).exports as unknown as StepKernels;
}
