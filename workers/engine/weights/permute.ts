import type { Matrix } from './matrix.ts';
import type { Rows } from './rows.ts';

/**
 * Puts the rows of a Llama q or k matrix out of GGUF back into the order that the decoder uses. llama.cpp's converter interleaves the
 * rotary pairs of each head (2i, 2i + 1); here a pair is (i, i + rotaryDim / 2). Rows past `rotaryDim` stay where they are.
 *
 * A read takes whole heads from the source, because the rows of a head are mixed throughout it.
 */
export function splitRotaryPairs(source: Matrix, headDim: number, rotaryDim: number): Matrix {
  const half = rotaryDim / 2;
  const sourceRow = (row: number): number => {
    const inHead = row % headDim;
    if (inHead >= rotaryDim) return row;
    return row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
  };
  return {
    name: source.name,
    rows: source.rows,
    cols: source.cols,
    type: source.type,
    form: source.form,
    async read(start, count) {
      const first = Math.floor(start / headDim) * headDim;
      const end = Math.min(Math.ceil((start + count) / headDim) * headDim, source.rows);
      const heads = await source.read(first, end - first);
      return takeRows(
        heads,
        Array.from({ length: count }, (_, i) => sourceRow(start + i) - first),
      );
    },
  };
}

/** A copy of the rows at `indices`, in that order. */
function takeRows(rows: Rows, indices: number[]): Rows {
  const { cols } = rows;
  if (rows.kind === 'float') {
    const values = new Float32Array(indices.length * cols);
    indices.forEach((row, i) => values.set(rows.values.subarray(row * cols, (row + 1) * cols), i * cols));
    return { kind: 'float', rows: indices.length, cols, values };
  }
  const blocks = cols / rows.block;
  const codes = new Uint8Array(indices.length * cols);
  const scales = new Float32Array(indices.length * blocks);
  const mins = rows.mins ? new Float32Array(scales.length) : null;
  indices.forEach((row, i) => {
    codes.set(rows.codes.subarray(row * cols, (row + 1) * cols), i * cols);
    scales.set(rows.scales.subarray(row * blocks, (row + 1) * blocks), i * blocks);
    if (mins && rows.mins) mins.set(rows.mins.subarray(row * blocks, (row + 1) * blocks), i * blocks);
  });
  return { ...rows, rows: indices.length, codes, scales, mins };
}
