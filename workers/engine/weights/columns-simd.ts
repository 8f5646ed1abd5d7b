/** int8 by channel with the loops of kernels.ts: what columns.ts says in plain TypeScript, bit for bit, for shapes that vectors of four suit. */
import type { Matrix } from './matrix.ts';
import { kernels, place, TILE, type Kernels } from './kernels.ts';
import { centre, hadamardScale, type Rotation } from './rotate.ts';
import type { Rows } from './rows.ts';

/** Factors folded into a matrix during conversion. */
export interface Fold {
  /** Factor for each output row, e.g. 1/sqrt(headDim) on the rows of q. */
  rowFactor?: (row: number) => number;
  /** `[K]` factors of the inputs: a norm's weight. Applied before `inputs`. */
  inputFactors?: Float32Array;
  /** `[K]`, of a norm: added to the inputs after `inputFactors`. What the matrix makes of it is added to the `bias` that is given. */
  inputBias?: Float32Array;
  /** Rotation of the inputs. */
  inputs?: Rotation;
  /** Rotation of the outputs. */
  outputs?: Rotation;
}

export interface Int8Columns {
  /** `[K, N]`, or of rows `[N, K]` */
  codes: Int8Array<ArrayBuffer>;
  /** `[N]`: weight = code * scale */
  scales: Float32Array<ArrayBuffer>;
}

/** A whole number of vectors when they are rounded: four of four. */
const VECTORS = 16;
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Factor that turns a channel with the largest weight `max` into int8. */
export const inverseScale = (max: number): number => Math.fround(max > 0 ? 127 / max : 0);

/** True if all loops over a matrix are whole vectors. They are for every Phi. */
export function suitsSimd({ rows, cols, form }: Matrix, { inputs, outputs }: Fold): boolean {
  const rotates = (rotation: Rotation | undefined) =>
    rotation === undefined || (rotation.power >= 4 && rotation.from % 4 === 0);
  const blocks = form.kind === 'float' || form.block % 4 === 0;
  return cols % VECTORS === 0 && rows % VECTORS === 0 && blocks && rotates(inputs) && rotates(outputs);
}

/** Float32 values at `values`, and what comes of a tile of rows. */
class Tile {
  readonly #kernels: Kernels;
  readonly #matrix: Matrix;
  readonly #fold: Fold;

  constructor(matrix: Matrix, fold: Fold) {
    this.#kernels = kernels();
    this.#matrix = matrix;
    this.#fold = fold;
  }

  /**
   * Reads rows `[start, start + count)` and calls `use` with the address of their float32 values, everything but the rotation of the outputs folded
   * in, and that of `extra` bytes behind. What is there is overwritten by whoever makes weights next, so `use` does not wait for anything.
   */
  async rows(start: number, count: number, extra: number, use: (values: number, behind: number) => void) {
    const { cols } = this.#matrix;
    const rows = await this.#matrix.read(start, count);
    const { inputFactors, inputs, rowFactor } = this.#fold;
    const [values = 0, factors = 0, behind = 0, source = 0] = place(this.#kernels, [
      count * cols * FLOAT_BYTES,
      cols * FLOAT_BYTES,
      extra,
      sourceBytes(rows),
    ]);
    this.#dequantise(rows, values, source);
    if (inputFactors) this.floats(factors, cols).set(inputFactors);
    for (let r = 0, at = values; r < count; r++, at += cols * FLOAT_BYTES) {
      if (inputFactors) this.#kernels.multiplyEach(at, factors, cols);
      const factor = Math.fround(rowFactor?.(start + r) ?? 1);
      if (factor !== 1) this.#kernels.multiply(at, cols, factor);
      if (inputs) rotate(this.#kernels, inputs, at);
    }
    use(values, behind);
  }

  floats(at: number, count: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#kernels.memory.buffer, at, count);
  }

  bytes(at: number, count: number): Int8Array<ArrayBuffer> {
    return new Int8Array(this.#kernels.memory.buffer, at, count);
  }

  /** Rounds a row at `values` to int8 at `out`; returns its scale. */
  round(values: number, out: number): number {
    const { cols } = this.#matrix;
    const max = this.#kernels.largest(values, cols);
    this.#kernels.round(values, cols, inverseScale(max), out);
    return max / 127;
  }

  #dequantise(rows: Rows, values: number, source: number): void {
    if (rows.kind === 'float') return this.floats(values, rows.values.length).set(rows.values);
    const { codes, scales, mins, block } = rows;
    const zero = rows.bits === 4 ? 8 : 128;
    const scalesAt = source + codes.length;
    const minsAt = scalesAt + scales.byteLength;
    new Uint8Array(this.#kernels.memory.buffer).set(codes, source);
    this.floats(scalesAt, scales.length).set(scales);
    if (!mins) return this.#kernels.dequantiseSymmetric(source, scalesAt, values, scales.length, block, zero);
    this.floats(minsAt, mins.length).set(mins);
    this.#kernels.dequantise(source, scalesAt, minsAt, values, scales.length, block, zero);
  }
}

const sourceBytes = (rows: Rows): number =>
  rows.kind === 'float' ? 0 : rows.codes.length + rows.scales.byteLength + (rows.mins?.byteLength ?? 0);

/** Rotates one vector at `values`. */
function rotate(simd: Kernels, { from, to, power, primes, centred }: Rotation, values: number): void {
  if (centred) centre(new Float32Array(simd.memory.buffer, values, centred), 0, centred);
  const at = values + from * FLOAT_BYTES;
  const count = to - from;
  simd.hadamard(at, count, power);
  let stride = power;
  for (const p of primes) {
    simd.reflect(at, count, p, stride, 2 / p);
    stride *= p;
  }
  simd.multiply(at, count, hadamardScale(power));
}

/** `int8Rows`, for a matrix that `suitsSimd`. */
export async function simdRows(matrix: Matrix, fold: Fold): Promise<Int8Columns> {
  const { rows: n, cols: k } = matrix;
  const codes = new Int8Array(n * k);
  const scales = new Float32Array(n);
  const tile = new Tile(matrix, fold);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    await tile.rows(start, count, count * k, (values, out) => {
      for (let r = 0; r < count; r++) scales[start + r] = tile.round(values + r * k * FLOAT_BYTES, out + r * k);
      codes.set(tile.bytes(out, count * k), start * k);
    });
  }
  return { codes, scales };
}

/** `int8Columns`, for a matrix that `suitsSimd`. */
export async function simdColumns(matrix: Matrix, fold: Fold): Promise<Int8Columns> {
  const { rows: n, cols: k } = matrix;
  if (fold.outputs) return roundColumns(await simdFloatColumns(matrix, fold), k, n, fold.outputs);
  const codes = new Int8Array(n * k);
  const words = new Int32Array(codes.buffer);
  const scales = new Float32Array(n);
  const tile = new Tile(matrix, fold);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    await tile.rows(start, count, 2 * TILE * k, (values, rounded) => {
      const turned = rounded + TILE * k;
      for (let r = 0; r < count; r++) scales[start + r] = tile.round(values + r * k * FLOAT_BYTES, rounded + r * k);
      kernels().transpose(rounded, k, turned);
      const from = new Int32Array(kernels().memory.buffer, turned, (TILE * k) / 4);
      for (let c = 0; c < k; c++) {
        const to = (c * n + start) / 4;
        for (let i = 0, at = (c * TILE) / 4; i < count / 4; i++, at++) words[to + i] = from[at]!;
      }
    });
  }
  return { codes, scales };
}

/** `[K, N]` float32 before the rotation of the outputs. */
async function simdFloatColumns(matrix: Matrix, fold: Fold): Promise<Float32Array<ArrayBuffer>> {
  const { rows: n, cols: k } = matrix;
  const out = new Float32Array(n * k);
  const tile = new Tile(matrix, fold);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    await tile.rows(start, count, 0, (at) => {
      const values = tile.floats(at, count * k);
      for (let c = 0; c < k; c++)
        for (let r = 0, from = c, to = c * n + start; r < count; r++, from += k) out[to + r] = values[from]!;
    });
  }
  return out;
}

/** Rotates every row of `values` `[k, n]` and rounds its columns. */
function roundColumns(values: Float32Array, k: number, n: number, outputs: Rotation): Int8Columns {
  const simd = kernels();
  const [row = 0, most = 0, rounded = 0] = place(simd, [n * FLOAT_BYTES, n * FLOAT_BYTES, n]);
  const buffer = simd.memory.buffer;
  const scratch = new Float32Array(buffer, row, n);
  const largest = new Float32Array(buffer, most, n).fill(0);
  for (let at = 0; at < values.length; at += n) {
    scratch.set(values.subarray(at, at + n));
    rotate(simd, outputs, row);
    simd.largestEach(row, most, n);
    values.set(scratch, at);
  }
  const scales = largest.map((max) => max / 127);
  largest.set(largest.map(inverseScale));
  const codes = new Int8Array(n * k);
  const bytes = new Int8Array(buffer, rounded, n);
  for (let at = 0; at < values.length; at += n) {
    scratch.set(values.subarray(at, at + n));
    simd.roundEach(row, most, n, rounded);
    codes.set(bytes, at);
  }
  return { codes, scales };
}
