/**
 * Weights as right-hand sides of MatMul: a source matrix `[rows = N outputs, cols = K inputs]` becomes `[K, N]`,
 * in float32 or as int8 with one scale for each output channel.
 */
import type { Matrix } from './matrix.ts';
import { inverseScale, simdColumns, simdRows, suitsSimd, type Fold, type Int8Columns } from './columns-simd.ts';
import { TILE } from './kernels.ts';
import { dequantise } from './rows.ts';

export type { Fold, Int8Columns };

/** Float32 rows `[start, start + count)` with everything but the rotation of the outputs folded in. */
async function foldedRows(
  matrix: Matrix,
  start: number,
  count: number,
  { rowFactor, inputFactors, inputBias, inputs }: Fold,
  bias?: Float32Array,
): Promise<Float32Array> {
  const { cols: k } = matrix;
  const values = dequantise(await matrix.read(start, count)); // [count, K]
  for (let r = 0; r < count; r++) {
    const factor = Math.fround(rowFactor ? rowFactor(start + r) : 1);
    const at = r * k;
    if (bias && inputBias) bias[start + r]! += factor * dot(values, at, inputBias);
    if (inputFactors) for (let c = 0; c < k; c++) values[at + c] = values[at + c]! * inputFactors[c]!;
    if (factor !== 1) for (let c = at; c < at + k; c++) values[c] = values[c]! * factor;
    inputs?.apply(values, at);
  }
  return values;
}

function dot(values: Float32Array, at: number, other: Float32Array): number {
  let sum = 0;
  for (let c = 0; c < other.length; c++) sum += values[at + c]! * other[c]!;
  return sum;
}

/** `[K, N]` float32. */
export async function floatColumns(matrix: Matrix, fold: Fold = {}, bias?: Float32Array): Promise<Float32Array> {
  const { rows: n, cols: k } = matrix;
  const out = new Float32Array(n * k);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    transposeTile(await foldedRows(matrix, start, count, fold, bias), count, k, out, start, n);
  }
  if (fold.outputs) for (let c = 0; c < k; c++) fold.outputs.apply(out, c * n);
  return out;
}

/** Symmetric int8 for each output channel: scale = max |w| / 127. `bias [N]`, with the rows' factors in it, is folded in place. */
export async function int8Columns(matrix: Matrix, fold: Fold = {}, bias?: Float32Array): Promise<Int8Columns> {
  if (!suitsSimd(matrix, fold) || (bias && fold.inputBias)) return plainColumns(matrix, fold, bias);
  if (bias) fold.outputs?.apply(bias, 0);
  return simdColumns(matrix, fold);
}

/** `int8Columns` of any shape, in TypeScript. */
export async function plainColumns(matrix: Matrix, fold: Fold = {}, bias?: Float32Array): Promise<Int8Columns> {
  if (!fold.outputs) return quantiseRows(matrix, fold, bias);
  const values = await floatColumns(matrix, fold, bias);
  if (bias) fold.outputs.apply(bias, 0);
  return quantiseColumns(values, matrix.cols, matrix.rows);
}

async function quantiseRows(matrix: Matrix, fold: Fold, bias?: Float32Array): Promise<Int8Columns> {
  const { rows: n, cols: k } = matrix;
  const codes = new Int8Array(n * k);
  const scales = new Float32Array(n);
  const tile = new Int8Array(TILE * k);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    const values = await foldedRows(matrix, start, count, fold, bias);
    for (let r = 0; r < count; r++) scales[start + r] = quantiseRow(values, r * k, k, tile, r * k);
    transposeTile(tile, count, k, codes, start, n);
  }
  return { codes, scales };
}

/** The same from a float matrix that already lies as `[K, N]`. */
function quantiseColumns(values: Float32Array, k: number, n: number): Int8Columns {
  const largest = new Float32Array(n);
  for (let at = 0; at < values.length;)
    for (let c = 0; c < n; c++, at++) largest[c] = Math.max(largest[c]!, Math.abs(values[at]!));
  const inverse = largest.map(inverseScale);
  const codes = new Int8Array(n * k);
  for (let at = 0; at < values.length;) {
    for (let c = 0; c < n; c++, at++) codes[at] = nearest(values[at]!, inverse[c]!);
  }
  return { codes, scales: largest.map((max) => max / 127) };
}

/** Symmetric int8 rows, for the embedding: `[rows, cols]` codes and a scale for each row. */
export async function int8Rows(matrix: Matrix, fold: Fold = {}): Promise<Int8Columns> {
  return suitsSimd(matrix, fold) ? simdRows(matrix, fold) : plainRows(matrix, fold);
}

/** `int8Rows` of any shape, in TypeScript. */
export async function plainRows(matrix: Matrix, fold: Fold = {}): Promise<Int8Columns> {
  const { rows: n, cols: k } = matrix;
  const codes = new Int8Array(n * k);
  const scales = new Float32Array(n);
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    const values = await foldedRows(matrix, start, count, fold);
    for (let r = 0; r < count; r++) scales[start + r] = quantiseRow(values, r * k, k, codes, (start + r) * k);
  }
  return { codes, scales };
}

/**
 * Nearest whole number of `value * inverse`, which lies in [-127, 127], halves upwards. There is no branch, because a
 * processor cannot predict the sign of a weight, and wrong predictions cost more than anything else here.
 */
const nearest = (value: number, inverse: number) => (Math.fround(Math.fround(value * inverse) + 128.5) | 0) - 128;

/** Quantises `k` values into `out`; returns their scale. */
function quantiseRow(values: Float32Array, from: number, k: number, out: Int8Array, to: number): number {
  let max = 0;
  for (let i = from; i < from + k; i++) {
    const size = Math.abs(values[i]!);
    if (size > max) max = size;
  }
  const inverse = inverseScale(max);
  for (let i = 0; i < k; i++) out[to + i] = nearest(values[from + i]!, inverse);
  return max / 127;
}

/** Writes `tile [count, k]` as columns `[start, start + count)` of `out [k, n]`. */
function transposeTile<T extends Int8Array | Float32Array>(
  tile: T,
  count: number,
  k: number,
  out: T,
  start: number,
  n: number,
): void {
  for (let c = 0; c < k; c++) {
    const to = c * n + start;
    for (let r = 0, from = c; r < count; r++, from += k) out[to + r] = tile[from]!;
  }
}
