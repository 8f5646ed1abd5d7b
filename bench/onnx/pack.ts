/** Rows of affine blocks as `MatMulNBits` wants them. */
import type { BlockRows } from '../../workers/engine/weights/rows.ts';

export interface PackedBlocks {
  bits: 4 | 8;
  block: number;
  /** `[rows, blocks, block * bits / 8]`, low nibble first. */
  codes: Uint8Array;
  /** `[rows * blocks]` */
  scales: Float32Array;
  /**
   * float32 `[rows * blocks]` holds a block's minimum exactly (WASM); uint8 `[rows, ceil(blocks * bits / 8)]` is rounded to a whole code and is
   * the only form that the WebGPU kernel takes. Null where every block is symmetric.
   */
  zeroPoints: Float32Array | Uint8Array | null;
}

/** w = scale * (code - zero) with zero = 2^(bits-1) - min / scale. */
export function packBlocks(rows: BlockRows, zeroPoints: 'float' | 'uint'): PackedBlocks {
  const { bits, block, codes, scales, mins } = rows;
  const blocks = rows.cols / block;
  return {
    bits,
    block,
    codes: bits === 8 ? codes : packNibbles(codes),
    scales,
    zeroPoints: mins ? pointsOf(rows.rows, blocks, bits, scales, mins, zeroPoints) : null,
  };
}

function packNibbles(codes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(codes.length / 2);
  for (let i = 0; i < packed.length; i++) packed[i] = codes[2 * i]! | (codes[2 * i + 1]! << 4);
  return packed;
}

function pointsOf(
  rows: number,
  blocks: number,
  bits: 4 | 8,
  scales: Float32Array,
  mins: Float32Array,
  form: 'float' | 'uint',
): Float32Array | Uint8Array {
  const middle = 2 ** (bits - 1);
  const exact = mins.map((min, b) => {
    if (scales[b]! !== 0) return middle - min / scales[b]!;
    if (min !== 0) throw new Error(`Block ${b} has a minimum but no scale, so a zero point cannot express it.`);
    return middle;
  });
  if (form === 'float') return exact;
  const rounded = exact.map((zero) => Math.min(2 ** bits - 1, Math.max(0, Math.round(zero))));
  if (bits === 8) return Uint8Array.from(rounded);
  const stride = Math.ceil(blocks / 2);
  const packed = new Uint8Array(rows * stride);
  for (let row = 0; row < rows; row++) {
    for (let b = 0; b < blocks; b++) packed[row * stride + (b >> 1)]! |= rounded[row * blocks + b]! << (4 * (b & 1));
  }
  return packed;
}
