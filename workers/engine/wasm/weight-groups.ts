/** The groups of weights that the WASM dialect is made of: norms, float matrices, int8 matrices whole or in panels, the embedding. */
import type { Matrix } from '../weights/matrix.ts';
import { floatColumns, int8Columns, int8Rows, type Fold } from '../weights/columns.ts';
import { floatToHalf } from '../weights/half.ts';
import { rowRange } from '../weights/matrix.ts';
import type { WeightGroup, WeightTensor } from '../weights/plan.ts';
import type { Rotation } from '../weights/rotate.ts';
import { dequantise } from '../weights/rows.ts';

/** Rows of the embedding that are converted at a time. */
const TILE_ROWS = 64;

/** A kernel adds a bias to both rows of an activation, so it counts this many times. The stored bias is divided by this number (see int8-products.ts). */
export const TWO_ROWS = 1 + 1 / 256;

/** Rows of a panel, see `panels`: an odd number of cache lines. */
const PANEL_ROWS = 63 * 64;

/**
 * The panels in which a matrix of `rows` outputs is multiplied: their names and rows. ONNX Runtime's int8 kernel reads `[K, N]` down its columns. Where N is a
 * multiple of 2 KiB all of a column falls into a few sets of the processor's cache, and every line is fetched four times: measured 0.19 ns a weight
 * with other widths, 0.31 with odd multiples of 2 KiB, 0.45 to 0.74 with multiples of 4 KiB (the gate and up of Phi-3 and Phi-4-mini, the starter's head).
 * The outputs of qkv, output and down are rotated, which mixes all rows: of those matrices only a mixture of experts has such widths (hidden size 4,096), and cuts them when
 * they are made.
 */
export function panels<Name extends string>(
  name: Name,
  rows: number,
): { name: Name | `${Name}.${number}`; start: number; rows: number }[] {
  if (rows % 2048 !== 0) return [{ name, start: 0, rows }];
  return Array.from({ length: Math.ceil(rows / PANEL_ROWS) }, (_, i) => {
    const start = i * PANEL_ROWS;
    return { name: `${name}.${i}` as const, start, rows: Math.min(PANEL_ROWS, rows - start) };
  });
}

export function norm(name: string, weight: Float32Array): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [weight.length] }],
    make: () => Promise.resolve([weight]),
  };
}

export function floatGroup(name: string, matrix: Matrix, fold?: Fold): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [matrix.cols, matrix.rows] }],
    make: async () => [await floatColumns(matrix, fold)],
  };
}

export function floatEmbedding(matrix: Matrix): WeightGroup {
  return {
    location: 'embedding',
    tensors: [{ name: 'embedding', dtype: 'float32', dims: [matrix.rows, matrix.cols] }],
    make: async () => [dequantise(await matrix.read(0, matrix.rows))],
  };
}

/** A group for each panel of a matrix whose outputs are left alone. `bias [rows]`: see int8Columns. */
export function int8Panels(name: string, matrix: Matrix, fold: Fold, bias?: Float32Array): WeightGroup[] {
  return panels(name, matrix.rows).map(({ name: panel, start, rows }) => ({
    location: panel,
    tensors: columnTensors(panel, matrix.cols, rows, bias !== undefined),
    make: async () => {
      const own = bias?.slice(start, start + rows);
      const { codes, scales } = await int8Columns(rowRange(matrix, start, rows), fold, own);
      return [codes, scales, ...(own ? [own] : [])];
    },
  }));
}

/** One group of a matrix whose outputs are rotated: it is made whole, and cut into its panels then. */
export function int8Group(name: string, matrix: Matrix, fold: Fold, bias?: Float32Array): WeightGroup {
  const parts = panels(name, matrix.rows);
  return {
    location: name,
    tensors: parts.flatMap((part) => columnTensors(part.name, matrix.cols, part.rows, bias !== undefined)),
    make: async () => {
      const own = bias?.slice();
      const { codes, scales } = await int8Columns(matrix, fold, own);
      if (parts.length === 1) return [codes, scales, ...(own ? [own] : [])];
      return parts.flatMap(({ start, rows }) => [
        cutColumns(codes, matrix.rows, start, rows),
        scales.slice(start, start + rows),
        ...(own ? [own.slice(start, start + rows)] : []),
      ]);
    },
  };
}

function columnTensors(name: string, k: number, n: number, biased: boolean): WeightTensor[] {
  return [
    { name: `${name}.codes`, dtype: 'int8', dims: [k, n] },
    { name: `${name}.scales`, dtype: 'float32', dims: [n] },
    ...(biased ? [{ name: `${name}.bias`, dtype: 'float32' as const, dims: [n] }] : []),
  ];
}

/** Columns `[start, start + count)` of `codes [k, n]`. */
function cutColumns(codes: Int8Array, n: number, start: number, count: number): Int8Array {
  const k = codes.length / n;
  const out = new Int8Array(k * count);
  for (let row = 0; row < k; row++) out.set(codes.subarray(row * n + start, row * n + start + count), row * count);
  return out;
}

/** Rows in 16 bits, rotated. */
export function halfEmbedding(matrix: Matrix, rotation: Rotation): WeightGroup {
  const { rows, cols } = matrix;
  return {
    location: 'embedding',
    tensors: [{ name: 'embedding', dtype: 'float16', dims: [rows, cols] }],
    make: async () => {
      const out = new Uint16Array(rows * cols);
      for (let start = 0; start < rows; start += TILE_ROWS) {
        const count = Math.min(TILE_ROWS, rows - start);
        const values = dequantise(await matrix.read(start, count)).slice();
        for (let at = 0; at < values.length; at += cols) rotation.apply(values, at);
        out.set(floatToHalf(values), start * cols);
      }
      return [out];
    },
  };
}

export function int8Embedding(matrix: Matrix, fold: Fold): WeightGroup {
  return {
    location: 'embedding',
    tensors: [
      { name: 'embedding.codes', dtype: 'int8', dims: [matrix.rows, matrix.cols] },
      { name: 'embedding.scales', dtype: 'float32', dims: [matrix.rows, 1] },
    ],
    make: async () => {
      const { codes, scales } = await int8Rows(matrix, fold);
      return [codes, scales];
    },
  };
}
