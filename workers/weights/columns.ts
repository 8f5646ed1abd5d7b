/**
 * Weights as right-hand sides of MatMul: a source matrix `[rows = N outputs, cols = K inputs]` becomes `[K, N]`,
 * in float32 or as int8 with one scale for each output channel.
 */
import type { Matrix } from '../checkpoint/types.ts';
import { dequantise, type Rows } from './rows.ts';

/** Rows read and transposed at a time: enough to write whole cache lines of the transposed matrix, few enough to stay in the cache. */
const TILE = 64;

/** Factor for each output row, e.g. 1/sqrt(headDim) on the rows of q. */
export type RowFactor = (row: number) => number;

/** `[K, N]` float32. */
export async function floatColumns(matrix: Matrix, factor?: RowFactor): Promise<Float32Array> {
  const { rows: n, cols: k } = matrix;
  const out = new Float32Array(n * k);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    const values = dequantise(await matrix.read(start, count)); // [count, K]
    for (let r = 0; r < count; r++) {
      const f = factor ? factor(start + r) : 1;
      for (let c = 0, from = r * k, to = start + r; c < k; c++, to += n) out[to] = values[from + c]! * f;
    }
  }
  return out;
}

export interface Int8Columns {
  /** `[K, N]` */
  codes: Int8Array;
  /** `[N]`: weight = code * scale */
  scales: Float32Array;
  /** `[N]`: scale * sum of the channel's codes, which takes the activations' zero point out of a product */
  sums: Float32Array;
}

/** Symmetric int8 for each output channel: scale = max |w| / 127. */
export async function int8Columns(matrix: Matrix, factor?: RowFactor): Promise<Int8Columns> {
  const { rows: n, cols: k } = matrix;
  const codes = new Int8Array(n * k);
  const scales = new Float32Array(n);
  const sums = new Float32Array(n);
  const tile = new Int8Array(TILE * k);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    const rows = await matrix.read(start, count);
    for (let r = 0; r < count; r++) {
      const f = factor ? factor(start + r) : 1;
      const { scale, sum } = quantiseRow(rows, r, tile.subarray(r * k, (r + 1) * k));
      scales[start + r] = scale * f;
      sums[start + r] = scale * f * sum;
    }
    transposeTile(tile, count, k, codes, start, n);
  }
  return { codes, scales, sums };
}

/** Symmetric int8 rows, for the embedding: `[rows, cols]` codes and a scale for each row. */
export async function int8Rows(matrix: Matrix): Promise<{ codes: Int8Array; scales: Float32Array }> {
  const { rows: n, cols: k } = matrix;
  const codes = new Int8Array(n * k);
  const scales = new Float32Array(n);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    const rows = await matrix.read(start, count);
    for (let r = 0; r < count; r++) scales[start + r] = quantiseRow(rows, r, codes.subarray((start + r) * k, (start + r + 1) * k)).scale;
  }
  return { codes, scales };
}

const rowBuffer = { values: new Float32Array(0) };

/** Quantises row `r` into `out`; returns its scale and the sum of its codes. */
function quantiseRow(rows: Rows, r: number, out: Int8Array): { scale: number; sum: number } {
  const k = rows.cols;
  if (rowBuffer.values.length < k) rowBuffer.values = new Float32Array(k);
  const values = rowBuffer.values;
  let max = 0;
  if (rows.kind === 'float') {
    const source = rows.values;
    for (let i = 0, at = r * k; i < k; i++, at++) {
      const v = source[at]!;
      values[i] = v;
      const a = v < 0 ? -v : v;
      if (a > max) max = a;
    }
  } else {
    const { codes, block, scales, mins } = rows;
    const zero = rows.bits === 4 ? 8 : 128;
    for (let i = 0, at = r * k, b = (r * k) / block; i < k; b++) {
      const scale = scales[b]!;
      const min = mins ? mins[b]! : 0;
      for (const end = i + block; i < end; i++, at++) {
        const v = scale * (codes[at]! - zero) + min;
        values[i] = v;
        const a = v < 0 ? -v : v;
        if (a > max) max = a;
      }
    }
  }
  const scale = max / 127;
  const inverse = max > 0 ? 127 / max : 0;
  let sum = 0;
  for (let i = 0; i < k; i++) {
    const scaled = values[i]! * inverse;
    const code = (scaled + (scaled < 0 ? -0.5 : 0.5)) | 0; // round half away from zero; |scaled| <= 127
    out[i] = code;
    sum += code;
  }
  return { scale, sum };
}

/** Writes `tile [count, k]` as columns `[start, start + count)` of `out [k, n]`. */
function transposeTile(tile: Int8Array, count: number, k: number, out: Int8Array, start: number, n: number): void {
  for (let c = 0; c < k; c++) {
    const to = c * n + start;
    for (let r = 0, from = c; r < count; r++, from += k) out[to + r] = tile[from]!;
  }
}
