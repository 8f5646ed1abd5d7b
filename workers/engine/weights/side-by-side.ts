import type { Matrix } from './matrix.ts';
import { commonForm, toForm } from './matrix.ts';
import type { BlockRows, FloatRows, Rows } from './rows.ts';

/** Matrices of as many rows each, column after column: `[rows, cols of all]`. Blocks stay exact, as in concatRows. */
export function concatColumns(parts: Matrix[]): Matrix {
  const [first] = parts;
  if (!first) throw new RangeError('concatColumns: no parts');
  if (parts.some(({ rows }) => rows !== first.rows)) throw new RangeError('concatColumns: rows differ');
  const form = commonForm(parts.map((part) => part.form));
  return {
    name: parts.map((part) => part.name).join(' | '),
    rows: first.rows,
    cols: parts.reduce((sum, part) => sum + part.cols, 0),
    type: [...new Set(parts.map((part) => part.type))].join('+'),
    form,
    async read(start, count) {
      const pieces: Rows[] = [];
      for (const part of parts) pieces.push(toForm(await part.read(start, count), form));
      return joinColumns(pieces);
    },
  };
}

function joinColumns(pieces: Rows[]): Rows {
  const [first] = pieces as [Rows];
  const cols = pieces.reduce((sum, piece) => sum + piece.cols, 0);
  if (first.kind === 'float') {
    const values = interleave(
      first.rows,
      (pieces as FloatRows[]).map((piece) => piece.values),
      new Float32Array(first.rows * cols),
    );
    return { kind: 'float', rows: first.rows, cols, values };
  }
  const blocks = pieces as BlockRows[];
  const perBlock = new Float32Array((first.rows * cols) / first.block);
  return {
    ...first,
    cols,
    codes: interleave(
      first.rows,
      blocks.map(({ codes }) => codes),
      new Uint8Array(first.rows * cols),
    ),
    scales: interleave(
      first.rows,
      blocks.map(({ scales }) => scales),
      perBlock,
    ),
    mins:
      first.mins &&
      interleave(
        first.rows,
        blocks.map(({ mins }) => mins!),
        perBlock.slice(),
      ),
  };
}

/** Row by row what each part has of it. */
function interleave<T extends Float32Array | Uint8Array>(rows: number, parts: T[], out: T): T {
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const part of parts) {
      const width = part.length / rows;
      out.set(part.subarray(row * width, (row + 1) * width), at);
      at += width;
    }
  }
  return out;
}
