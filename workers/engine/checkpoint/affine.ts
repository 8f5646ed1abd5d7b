/** Matrices over stored tensors whose rows are output features, as most files have them: floats, and codes with scales and zero points. */
import { PhiError } from '../../shared/errors.ts';
import { blobSource } from '../../store/bytes.ts';
import type { Rows } from '../weights/rows.ts';
import {
  codeBits,
  elementCount,
  isFloat,
  isNarrow,
  readCodes,
  readFloats,
  readVector,
  type StoredTensor,
} from './tensor.ts';
import type { Matrix } from '../weights/matrix.ts';

/** Weights of one row that share a scale when `cols` is not a multiple of `block`. */
function commonBlock(cols: number, block: number): number {
  let [a, b] = [cols, block];
  while (b) [a, b] = [b, a % b];
  return a;
}

/** `[rows, cols]` floats as they lie. */
export function floatMatrix(tensor: StoredTensor): Matrix {
  const [rows, cols] = tensor.dims;
  if (tensor.dims.length !== 2 || !rows || !cols || !isFloat(tensor.dtype)) {
    throw new PhiError(
      'bad-model',
      `${tensor.name}: expected a float matrix, but the file has ${tensor.dtype} [${tensor.dims.join(', ')}].`,
    );
  }
  return {
    name: tensor.name,
    rows,
    cols,
    type: tensor.dtype.toUpperCase(),
    form: { kind: 'float', bits: tensor.dtype === 'f32' ? 32 : 16 },
    async read(start, count) {
      return { kind: 'float', rows: count, cols, values: await readFloats(tensor, start * cols, count * cols) };
    },
  };
}

/** A tensor of one float written out once for each row. */
export async function repeated(tensor: StoredTensor, rows: number): Promise<StoredTensor> {
  const values = new Float32Array(rows).fill((await readVector(tensor))[0] ?? Number.NaN);
  return {
    name: tensor.name,
    dtype: 'f32',
    dims: [rows],
    source: blobSource(tensor.name, new Blob([values])),
    offset: 0,
  };
}

/** How codes are shifted. `codes` and `floats` are zero points: weight = scale * (code - zero point). `biases`: weight = scale * code + bias. */
export type Shift =
  | { kind: 'none' }
  /** One zero point for all, as an unsigned code. */
  | { kind: 'constant'; zero: number }
  /** `perRow` elements a row, `stride` apart (rows of packed nibbles may be padded); 1 a row: shared by its blocks. */
  | { kind: 'codes'; tensor: StoredTensor; perRow: number; stride: number }
  | { kind: 'floats'; tensor: StoredTensor; perRow: number }
  /** The only kind for codes of 2, 3, 5 or 6 bits. */
  | { kind: 'biases'; tensor: StoredTensor };

export interface Affine {
  name: string;
  /** For people; "int4 block 32". */
  type?: string;
  rows: number;
  cols: number;
  /** Weights that share a scale; the last block of a row may be short. */
  block: number;
  /** Row-major, `[rows, rowCodes]`; columns past `cols` are padding. */
  codes: StoredTensor;
  /** `[rows, ceil(cols / block)]`, or one a row shared by its blocks. */
  scales: StoredTensor;
  shift: Shift;
}

/**
 * A matrix of affine blocks. Whatever the file calls its offsets, `read` gives `scale * (code - 2^(bits - 1)) + min`.
 * Throws `bad-model` when the tensors' sizes do not fit each other.
 */
export function affineMatrix(spec: Affine): Matrix {
  const { name, rows, cols, codes, scales, shift } = spec;
  const layout = layoutOf(spec);
  const { bits, block, half, raised, fixed, rowCodes, rowScales } = layout;
  const symmetric = fixed === half;
  return {
    name,
    rows,
    cols,
    type: spec.type ?? `int${bits} ${block === cols ? 'per channel' : `block ${spec.block}`}`,
    form: {
      kind: 'blocks',
      bits,
      block,
      symmetric,
      ...((shift.kind === 'codes' || shift.kind === 'constant') && { integral: true }),
    },
    async read(start, count): Promise<Rows> {
      const [packed, rawScales] = await Promise.all([
        readCodes(codes, start * rowCodes, count * rowCodes),
        readFloats(scales, start * rowScales, count * rowScales),
      ]);
      const stored = raised ? packed.map((code) => code + raised) : packed;
      const scale = spread(spec, layout, rawScales, count);
      const mins = symmetric ? null : await readMins(spec, layout, start, count, scale);
      return {
        kind: 'blocks',
        rows: count,
        cols,
        bits,
        block,
        codes: trim(stored, count, rowCodes, cols),
        scales: scale,
        mins,
      };
    },
  };
}

/** How the blocks are stored, and how they are given. */
interface BlockLayout {
  bits: 4 | 8;
  /** Weights that share a scale in what `read` gives; divides `cols`. */
  block: number;
  /** Elements of `codes` and of `scales` that a row has in the file. */
  rowCodes: number;
  rowScales: number;
  /** The code that counts as 0 where there are no minimums. */
  half: number;
  /** Added to narrow codes: they are written into the upper half of the range, where a code of 0 counts as 0 and the minimum is the bias itself. */
  raised: number;
  /** The one zero point of all blocks, as an unsigned code; null: each has its own. */
  fixed: number | null;
}

function layoutOf({ name, rows, cols, block: storedBlock, codes, scales, shift }: Affine): BlockLayout {
  const bits = codeBits(codes.dtype);
  const blocks = Math.ceil(cols / storedBlock);
  const rowCodes = elementCount(name, codes.dims) / rows;
  const rowScales = elementCount(name, scales.dims) / rows;
  if (
    !bits ||
    !rows ||
    !cols ||
    !blocks ||
    !(rowCodes >= cols) ||
    rowCodes >= cols + storedBlock ||
    rowCodes % 1 ||
    (rowScales !== blocks && rowScales !== 1) ||
    (isNarrow(codes.dtype) && shift.kind !== 'biases')
  ) {
    throw new PhiError(
      'bad-model',
      `${name}: [${rows}, ${cols}] in blocks of ${storedBlock} does not fit the stored ${codes.dtype} [${codes.dims.join(', ')}] with scales [${scales.dims.join(', ')}].`,
    );
  }
  const perChannel = rowScales === 1 && !('perRow' in shift && shift.perRow > 1);
  const half = bits === 4 ? 8 : 128;
  return {
    bits,
    block: perChannel ? cols : commonBlock(cols, storedBlock),
    rowCodes,
    rowScales,
    half,
    raised: isNarrow(codes.dtype) ? half : 0,
    fixed: shift.kind === 'none' ? half : shift.kind === 'constant' ? shift.zero : null,
  };
}

/** `[count, n]` of the file spread over `[count, cols / block]`. */
function spread(spec: Affine, { block }: BlockLayout, values: Float32Array, count: number): Float32Array {
  const n = values.length / count;
  const perRow = spec.cols / block;
  if (n === perRow) return values;
  const out = new Float32Array(count * perRow);
  for (let r = 0, at = 0; r < count; r++)
    for (let b = 0; b < perRow; b++) out[at++] = values[r * n + (n === 1 ? 0 : Math.floor((b * block) / spec.block))]!;
  return out;
}

/** Minimums of rows, `[count, cols / block]`. */
async function readMins(
  spec: Affine,
  layout: BlockLayout,
  start: number,
  count: number,
  scale: Float32Array,
): Promise<Float32Array> {
  const { shift } = spec;
  const { half, raised, fixed, rowScales } = layout;
  if (shift.kind === 'none' || shift.kind === 'constant') return scale.map((s) => s * (half - (fixed ?? half)));
  if (shift.kind === 'biases') {
    const bias = spread(spec, layout, await readFloats(shift.tensor, start * rowScales, count * rowScales), count);
    return bias.map((value, i) => value + scale[i]! * (half - raised));
  }
  const zeros = spread(spec, layout, await readZeros(shift, start, count), count);
  return scale.map((s, i) => s * (half - zeros[i]!));
}

/** Zero points of rows as unsigned codes in float32, `[count, perRow]`. */
async function readZeros(
  shift: Extract<Shift, { perRow: number }>,
  start: number,
  count: number,
): Promise<Float32Array> {
  if (shift.kind === 'floats') return readFloats(shift.tensor, start * shift.perRow, count * shift.perRow);
  const codes = await readCodes(shift.tensor, start * shift.stride, count * shift.stride);
  return Float32Array.from(trim(codes, count, shift.stride, shift.perRow));
}

/** Drops padding: `[count, stride]` to `[count, width]`. */
function trim(values: Uint8Array, count: number, stride: number, width: number): Uint8Array {
  if (stride === width) return values;
  const out = new Uint8Array(count * width);
  for (let r = 0; r < count; r++) out.set(values.subarray(r * stride, r * stride + width), r * width);
  return out;
}
