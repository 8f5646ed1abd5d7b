/**
 * Weights as `com.microsoft::MatMulNBits` takes them: codes `[N, K / block, block * bits / 8]` (two 4-bit codes a byte, low one first), one
 * scale a block, and what shifts a block: nothing (code 2^(bits - 1) is zero), zero points, or a float for each block kept apart.
 */
import type { Matrix } from './matrix.ts';
import { floatToHalf } from './half.ts';
import { toForm } from './matrix.ts';
import { dequantise, type BlockRows, type Rows } from './rows.ts';

export interface BlockSpec {
  bits: 4 | 8;
  /** Weights that share a scale: a power of two from 16 on that divides K. */
  block: number;
  shift: 'none' | 'zero-points' | 'mins';
}

export interface PackedBlocks<F extends Float32Array | Uint16Array = Float32Array> {
  /** `[N, K * bits / 8]` */
  codes: Uint8Array;
  /** `[N, K / block]` */
  scales: F;
  /** `[N, ceil(K / block * bits / 8)]`, present with zero points. */
  zeroPoints: Uint8Array | null;
  /** `[N, K / block]`: what is added to every weight of the block; present with mins. */
  mins: F | null;
}

/** Squared error and squared weights, summed over what was requantised. */
export interface ErrorSum {
  error: number;
  weights: number;
}

/** Rows read at a time. */
const TILE = 64;

/** Rows `[start, start + count)` of `matrix`, packed. Exact when the matrix's own form fits `spec`; else quantised, and `sum` grows by the error. */
export async function packBlocks(
  matrix: Matrix,
  spec: BlockSpec,
  start: number,
  count: number,
  sum: ErrorSum,
): Promise<PackedBlocks> {
  const blocks = matrix.cols / spec.block;
  const out: PackedBlocks = {
    codes: new Uint8Array((count * matrix.cols * spec.bits) / 8),
    scales: new Float32Array(count * blocks),
    zeroPoints: spec.shift === 'zero-points' ? new Uint8Array(count * Math.ceil((blocks * spec.bits) / 8)) : null,
    mins: spec.shift === 'mins' ? new Float32Array(count * blocks) : null,
  };
  await packInto(out, matrix, spec, start, count, sum);
  return out;
}

/** The same into arrays that are there; what is Uint16Array becomes float16. */
export async function packInto(
  out: PackedBlocks<Float32Array | Uint16Array>,
  matrix: Matrix,
  spec: BlockSpec,
  start: number,
  count: number,
  sum: ErrorSum,
): Promise<void> {
  const { cols } = matrix;
  const blocks = cols / spec.block;
  const zeroBytes = Math.ceil((blocks * spec.bits) / 8);
  for (let row = 0; row < count; row += TILE) {
    const some = Math.min(TILE, count - row);
    const rows = asBlocks(await matrix.read(start + row, some), spec, sum);
    writeCodes(rows.codes, spec.bits, out.codes, (row * cols * spec.bits) / 8);
    writeFloats(rows.scales, out.scales, row * blocks);
    if (out.mins && rows.mins) writeFloats(rows.mins, out.mins, row * blocks);
    if (out.zeroPoints && rows.mins) writeZeroPoints(rows, out.zeroPoints, row * zeroBytes);
  }
}

const writeFloats = (values: Float32Array, out: Float32Array | Uint16Array, offset: number) =>
  out.set(out instanceof Uint16Array ? floatToHalf(values) : values, offset);

/** True if blocks of `form` can be written as `spec` without loss. */
export function holdsExactly(form: Matrix['form'], spec: BlockSpec): boolean {
  if (form.kind === 'float') return false;
  const shifts = form.symmetric || spec.shift === 'mins' || (spec.shift === 'zero-points' && form.integral === true);
  return form.bits <= spec.bits && form.block % spec.block === 0 && shifts;
}

function asBlocks(rows: Rows, spec: BlockSpec, sum: ErrorSum): BlockRows {
  const { bits, block, shift } = spec;
  const symmetric = shift === 'none';
  if (rows.kind === 'blocks' && rows.bits <= bits && rows.block % block === 0 && !(symmetric && rows.mins)) {
    return toForm(rows, { kind: 'blocks', bits, block, symmetric }) as BlockRows;
  }
  const values = dequantise(rows);
  const quantised = quantiseBlocks(values, rows.rows, rows.cols, { bits, block, symmetric });
  const restored = dequantise(quantised);
  for (let i = 0; i < values.length; i++) {
    const difference = values[i]! - restored[i]!;
    sum.error += difference * difference;
    sum.weights += values[i]! * values[i]!;
  }
  return quantised;
}

/**
 * Round to nearest, as ONNX Runtime's MatMulNBits quantiser does. Symmetric: the scale takes the weight of largest magnitude, with its sign,
 * to code 0. Asymmetric: the range, zero in it, over all codes with a whole zero point.
 */
export function quantiseBlocks(
  values: Float32Array,
  rows: number,
  cols: number,
  { bits, block, symmetric }: { bits: 4 | 8; block: number; symmetric: boolean },
): BlockRows {
  const half = 2 ** (bits - 1);
  const most = 2 * half - 1;
  const codes = new Uint8Array(values.length);
  const scales = new Float32Array(values.length / block);
  const mins = symmetric ? null : new Float32Array(scales.length);
  for (let b = 0, at = 0; b < scales.length; b++) {
    const end = at + block;
    let low = 0;
    let high = 0;
    for (let i = at; i < end; i++) {
      const value = values[i]!;
      if (value < low) low = value;
      else if (value > high) high = value;
    }
    const scale = Math.fround(symmetric ? (high > -low ? high : low) / -half : (high - low) / most);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const zero = symmetric ? half : clamp(roundHalfAway(scale === 0 ? 0 : Math.fround(-low / scale)), most);
    scales[b] = scale;
    if (mins) mins[b] = scale * (half - zero);
    for (; at < end; at++)
      codes[at] = clamp(roundHalfAway(Math.fround(Math.fround(values[at]! * inverse) + zero)), most);
  }
  return { kind: 'blocks', rows, cols, bits, block, codes, scales, mins };
}

const clamp = (value: number, most: number) => (value < 0 ? 0 : value > most ? most : value);
const roundHalfAway = (value: number) => (value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5));

function writeCodes(codes: Uint8Array, bits: 4 | 8, out: Uint8Array, offset: number): void {
  if (bits === 8) {
    out.set(codes, offset);
    return;
  }
  for (let i = 0, at = offset; i < codes.length; i += 2, at++) out[at] = codes[i]! | (codes[i + 1]! << 4);
}

/** Zero points from mins that are whole multiples of their scales: min = scale * (2^(bits - 1) - zero point). A row starts on a whole byte. */
function writeZeroPoints({ rows, cols, block, bits, scales, mins }: BlockRows, out: Uint8Array, offset: number): void {
  const blocks = cols / block;
  const rowBytes = Math.ceil((blocks * bits) / 8);
  const half = 2 ** (bits - 1);
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++) {
      const scale = scales[row * blocks + b]!;
      const zero = scale === 0 ? half : half - Math.round(mins![row * blocks + b]! / scale);
      if (!(zero >= 0 && zero < 2 * half)) throw new RangeError(`zero point ${zero} does not fit ${bits} bits`);
      const at = offset + row * rowBytes + (bits === 8 ? b : b >> 1);
      out[at] = out[at]! | (bits === 8 ? zero : zero << (4 * (b & 1)));
    }
  }
}
