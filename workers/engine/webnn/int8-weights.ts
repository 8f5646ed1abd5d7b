/** Weights of 8 bits with a scale for each output channel, `[K, N]` as LiteRT builds them or `[N, K]` as NPUs read them fastest. */
import type { Matrix } from '../weights/matrix.ts';
import { int8Columns, int8Rows, type Fold } from '../weights/columns.ts';
import type { WeightGroup, WeightTensor } from '../weights/plan.ts';

/** Rows converted at a time. */
const TILE = 256;

export function int8Group(name: string, matrix: Matrix, fold: Fold = {}): WeightGroup {
  return {
    location: name,
    tensors: [
      { name: `${name}.codes`, dtype: 'int8', dims: [matrix.cols, matrix.rows] },
      { name: `${name}.scales`, dtype: 'float32', dims: [matrix.rows] },
    ],
    async make() {
      const { codes, scales } = await int8Columns(matrix, fold);
      return [codes, scales];
    },
  };
}

/** Tensors of codes `[rows, part of the columns]`. */
function rowParts(name: string, rows: number, columns: readonly number[]): WeightTensor[] {
  const partName = (i: number) => (columns.length > 1 ? `${name}.codes.${i}` : `${name}.codes`);
  return columns.map((width, i) => ({ name: partName(i), dtype: 'int8', dims: [rows, width] }));
}

/** `codes [rows, columns]`, cut by columns. */
function cutColumns(codes: Int8Array, rows: number, columns: readonly number[]): Int8Array[] {
  if (columns.length === 1) return [codes];
  const cols = codes.length / rows;
  let from = 0;
  return columns.map((width) => {
    const part = new Int8Array(rows * width);
    for (let row = 0; row < rows; row++)
      part.set(codes.subarray(row * cols + from, row * cols + from + width), row * width);
    from += width;
    return part;
  });
}

/** Codes `[rows, part of the columns]`, and a scale for each row. */
export function int8RowGroup(name: string, matrix: Matrix, columns: readonly number[], fold: Fold = {}): WeightGroup {
  const { rows } = matrix;
  return {
    location: name,
    tensors: [...rowParts(name, rows, columns), { name: `${name}.scales`, dtype: 'float32', dims: [rows] }],
    async make() {
      const { codes, scales } = await int8Rows(matrix, fold);
      return [...cutColumns(codes, rows, columns), scales];
    },
  };
}

/** 8 bits with a scale and a minimum for each row. */
export const holdsByColumn = ({ form, cols }: Matrix): boolean =>
  form.kind === 'blocks' && form.bits === 8 && form.block === cols;

/** The source's own codes, `[K, N]`; or `[N, part of the columns]` where parts are given. */
export function exactInt8Group(name: string, matrix: Matrix, columns: readonly number[] | null): WeightGroup {
  const { rows: n, cols: k } = matrix;
  return {
    location: name,
    tensors: [
      ...(columns ? rowParts(name, n, columns) : [{ name: `${name}.codes`, dtype: 'int8' as const, dims: [k, n] }]),
      { name: `${name}.scales`, dtype: 'float32', dims: [n] },
      { name: `${name}.mins`, dtype: 'float32', dims: [n] },
    ],
    async make() {
      const codes = new Int8Array(k * n);
      const scales = new Float32Array(n);
      const mins = new Float32Array(n);
      for (let start = 0; start < n; start += TILE) {
        const count = Math.min(TILE, n - start);
        const rows = await matrix.read(start, count);
        if (rows.kind !== 'blocks') throw new RangeError(`${name}: expected blocks of 8 bits, got floats.`);
        scales.set(rows.scales, start);
        if (rows.mins) mins.set(rows.mins, start);
        for (let r = 0; r < count; r++)
          for (let i = 0; i < k; i++)
            codes[columns ? (start + r) * k + i : i * n + start + r] = rows.codes[r * k + i]! - 128;
      }
      return [...(columns ? cutColumns(codes, n, columns) : [codes]), scales, mins];
    },
  };
}
