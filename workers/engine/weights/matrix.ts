import { PhiError } from '../../shared/errors.ts';
import type { BlockRows, Rows } from './rows.ts';
import { dequantise } from './rows.ts';

/** Affine blocks of a matrix; see rows.ts. */
export interface BlockForm {
  kind: 'blocks';
  bits: 4 | 8;
  block: number;
  /** Every min is zero. */
  symmetric: boolean;
  /** Every min is a whole multiple of its scale: the source has zero points of `bits` bits. Absent: not known. */
  integral?: boolean;
}

/** One weight matrix `[rows = output features, cols = input features]`, read lazily by rows. */
export interface Matrix {
  /** Name in the source file, for error messages ("blk.0.attn_q.weight + ..."). */
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  /** Type in the source, for people: "Q4_K", "int4 block 32", "F16". Several joined by "+" after fusing. */
  readonly type: string;
  /** The result of `read`: float32 rows, or affine blocks with `bits` bits (see rows.ts). */
  readonly form: { kind: 'float'; bits: 16 | 32 } | BlockForm;
  /** Rows `[start, start + count)`. */
  read(start: number, count: number): Promise<Rows>;
}

/** Matrices stacked by rows (q, k, v -> qkv). Blocks stay exact: 4-bit codes become 8-bit ones and blocks are cut finer where the parts differ. */
export function concatRows(parts: Matrix[]): Matrix {
  const [first] = parts;
  if (!first) throw new RangeError('concatRows: no parts');
  if (parts.length === 1) return first;
  const cols = first.cols;
  for (const part of parts)
    if (part.cols !== cols)
      throw new PhiError(
        'bad-model',
        `${part.name} has ${part.cols} columns, ${first.name} has ${cols}. The file is damaged.`,
      );
  const form = commonForm(parts.map((part) => part.form));
  const types = [...new Set(parts.map((part) => part.type))];
  return {
    name: parts.map((part) => part.name).join(' + '),
    rows: parts.reduce((sum, part) => sum + part.rows, 0),
    cols,
    type: types.join('+'),
    form,
    async read(start, count) {
      const pieces: Rows[] = [];
      let base = 0;
      for (const part of parts) {
        const from = Math.max(start, base);
        const to = Math.min(start + count, base + part.rows);
        if (from < to) pieces.push(toForm(await part.read(from - base, to - from), form));
        base += part.rows;
      }
      return joinRows(pieces);
    },
  };
}

/** Rows `[start, start + rows)` of a matrix as a matrix. */
export function rowRange(matrix: Matrix, start: number, rows: number): Matrix {
  return {
    name: matrix.name,
    rows,
    cols: matrix.cols,
    type: matrix.type,
    form: matrix.form,
    read: (from, count) => matrix.read(start + from, count),
  };
}

/** The matrix times `factors()`, which has one number for each run of `rows / factors.length` rows. Asked for until it was read once. */
export function scaledRows(matrix: Matrix, factors: () => Promise<Float32Array>): Matrix {
  let known: Float32Array | null = null;
  return {
    name: matrix.name,
    rows: matrix.rows,
    cols: matrix.cols,
    type: matrix.type,
    form: matrix.form,
    async read(start, count) {
      const [rows, each] = await Promise.all([matrix.read(start, count), known ?? factors()]);
      known = each;
      const per = matrix.rows / each.length;
      const times = (values: Float32Array) => {
        const width = values.length / count;
        return values.map((value, i) => value * each[Math.floor((start + Math.floor(i / width)) / per)]!);
      };
      return rows.kind === 'float'
        ? { ...rows, values: times(rows.values) }
        : { ...rows, scales: times(rows.scales), mins: rows.mins && times(rows.mins) };
    },
  };
}

type Form = Matrix['form'];

/** The coarsest form that holds all of `forms` exactly. */
export function commonForm(forms: Form[]): Form {
  let common = forms[0]!;
  for (const form of forms.slice(1)) {
    if (common.kind === 'float' || form.kind === 'float') {
      common = {
        kind: 'float',
        bits: common.kind === 'float' && form.kind === 'float' && common.bits === 16 && form.bits === 16 ? 16 : 32,
      };
    } else {
      common = {
        kind: 'blocks',
        bits: common.bits === 8 || form.bits === 8 ? 8 : 4,
        block: gcd(common.block, form.block),
        symmetric: common.symmetric && form.symmetric,
        ...((common.symmetric || common.integral) && (form.symmetric || form.integral) && { integral: true }),
      };
    }
  }
  return common;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** `rows` written in `form`, which must be able to hold them exactly (see commonForm). */
export function toForm(rows: Rows, form: Form): Rows {
  if (form.kind === 'float') return { kind: 'float', rows: rows.rows, cols: rows.cols, values: dequantise(rows) };
  if (rows.kind === 'float') throw new RangeError('floats cannot be stored in blocks exactly');
  return refineBlocks(rows, form.bits, form.block, form.symmetric);
}

function refineBlocks(rows: BlockRows, bits: 4 | 8, block: number, symmetric: boolean): BlockRows {
  const shift = bits === 8 && rows.bits === 4 ? 120 : 0; // code - 8 = (code + 120) - 128
  const repeat = rows.block / block;
  const spread = (values: Float32Array) => {
    if (repeat === 1) return values;
    const out = new Float32Array(values.length * repeat);
    for (let i = 0; i < values.length; i++) out.fill(values[i]!, i * repeat, (i + 1) * repeat);
    return out;
  };
  const scales = spread(rows.scales);
  return {
    kind: 'blocks',
    rows: rows.rows,
    cols: rows.cols,
    bits,
    block,
    codes: shift ? rows.codes.map((code) => code + shift) : rows.codes,
    scales,
    mins: rows.mins ? spread(rows.mins) : symmetric ? null : new Float32Array(scales.length),
  };
}

/** Pieces of one form, stacked. */
function joinRows(pieces: Rows[]): Rows {
  const [first] = pieces;
  if (!first) throw new RangeError('joinRows: no rows');
  if (pieces.length === 1) return first;
  const rows = pieces.reduce((sum, piece) => sum + piece.rows, 0);
  if (first.kind === 'float') {
    return {
      kind: 'float',
      rows,
      cols: first.cols,
      values: joinVectors(pieces.map((piece) => (piece as typeof first).values)),
    };
  }
  const blocks = pieces as BlockRows[];
  const codes = new Uint8Array(rows * first.cols);
  let at = 0;
  for (const piece of blocks) {
    codes.set(piece.codes, at);
    at += piece.codes.length;
  }
  return {
    ...first,
    rows,
    codes,
    scales: joinVectors(blocks.map((piece) => piece.scales)),
    mins: first.mins ? joinVectors(blocks.map((piece) => piece.mins!)) : null,
  };
}

/** Vectors one after another. */
export function joinVectors(arrays: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}
