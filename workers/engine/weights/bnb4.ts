/** The 4-bit floats of bitsandbytes as onnxruntime's MatMulBnb4 has them: each code stands for a value of a table, times the largest value of its block. */

/** A sign and 3 bits, spread like a float's. */
const FP4 = [0, 1 / 192, 2 / 3, 1, 1 / 3, 1 / 2, 1 / 6, 1 / 4];
/** Quantiles of a normal distribution, scaled to [-1, 1] (QLoRA, arXiv 2305.14314, appendix E). */
const NF4 = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
  -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
  0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];

/** By the operator's attribute `quant_type`. */
export const BNB4_TABLES: readonly { name: 'FP4' | 'NF4'; values: Float32Array }[] = [
  { name: 'FP4', values: Float32Array.from([...FP4, ...FP4.map((value) => 0 - value)]) },
  { name: 'NF4', values: Float32Array.from(NF4) },
];

/**
 * `count` values from code number `first` on. Two codes lie in a byte of `packed`, the first one in its upper half; blocks of `block` codes go through
 * the whole matrix, without regard to its rows. `packed` and `absmax` begin at the byte and the block of `first`.
 */
export function unpackBnb4(
  packed: Uint8Array,
  absmax: Float32Array,
  table: Float32Array,
  block: number,
  first: number,
  count: number,
): Float32Array {
  const values = new Float32Array(count);
  const byte = Math.floor(first / 2);
  const scale = Math.floor(first / block);
  for (let i = 0; i < count; i++) {
    const at = first + i;
    const pair = packed[Math.floor(at / 2) - byte]!;
    const code = at % 2 === 0 ? pair >> 4 : pair & 15;
    values[i] = table[code]! * absmax[Math.floor(at / block) - scale]!;
  }
  return values;
}
