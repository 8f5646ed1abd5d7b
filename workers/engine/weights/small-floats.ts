/** Floats of 4 and 8 bits by their codes (OCP Microscaling Formats 1.0 and NVFP4), as ggml and MLX store weights and scales. */

/** Twice the value of each float4 (E2M1) as an 8-bit code that counts from 128: all values are then whole numbers, and blocks hold them exactly. */
export const FLOAT4_CODES = Uint8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12).map(
  (value) => value + 128,
);

/** Values of float8 E4M3 by code: a sign, 4 bits of exponent (bias 7), 3 of mantissa. There is no infinity; NaN where all seven bits are set. */
export const E4M3 = Float32Array.from({ length: 256 }, (_, code) => {
  const exponent = (code >> 3) & 15;
  const mantissa = code & 7;
  if ((code & 127) === 127) return Number.NaN;
  const size = exponent === 0 ? mantissa * 2 ** -9 : (1 + mantissa / 8) * 2 ** (exponent - 7);
  return code & 128 ? 0 - size : size;
});

/** Values of the scale E8M0 by code: a power of two. 255 stands for NaN. */
export const E8M0 = Float32Array.from({ length: 256 }, (_, code) => (code === 255 ? Number.NaN : 2 ** (code - 127)));
