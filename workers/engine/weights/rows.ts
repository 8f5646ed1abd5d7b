/**
 * Rows of a weight matrix in the two forms that everything is read into.
 *
 * Every published quantisation of Phi is affine in blocks along a row: the weight is `scale * (code - 2^(bits - 1)) + min` with an
 * unsigned code. That holds Q4_0 (min absent), Q4_1 and Q4_K (min = m + 8d), MatMulNBits and OpenVINO with zero points
 * (min = scale * (2^(bits-1) - zeroPoint)), MLX (scale and bias), and, in 8 bits, Q2_K to Q6_K, Q8_0, MXFP4, NVFP4 and the IQ codebooks, exactly.
 *
 * Codes lie around 2^(bits - 1), so that a min is about the block's mean: GPUs with float16 round what the codes give and what the mins give, each by
 * its own size.
 */
export interface FloatRows {
  kind: 'float';
  rows: number;
  cols: number;
  /** `[rows, cols]` */
  values: Float32Array;
}

export interface BlockRows {
  kind: 'blocks';
  rows: number;
  cols: number;
  bits: 4 | 8;
  /** Weights that share a scale, along a row; divides cols. */
  block: number;
  /** `[rows, cols]`, one unsigned code a byte, `< 2^bits`. */
  codes: Uint8Array;
  /** `[rows, cols / block]` */
  scales: Float32Array;
  /** `[rows, cols / block]`, or null when every min is zero (symmetric). */
  mins: Float32Array | null;
}

export type Rows = FloatRows | BlockRows;

/** Float32 values of rows, `[rows, cols]`. */
export function dequantise(rows: Rows): Float32Array {
  if (rows.kind === 'float') return rows.values;
  const { cols, block, codes, scales, mins } = rows;
  const zero = rows.bits === 4 ? 8 : 128;
  const out = new Float32Array(rows.rows * cols);
  for (let b = 0, i = 0; b < scales.length; b++) {
    const scale = scales[b]!;
    const min = mins ? mins[b]! : 0;
    for (const end = i + block; i < end; i++) out[i] = scale * (codes[i]! - zero) + min;
  }
  return out;
}
