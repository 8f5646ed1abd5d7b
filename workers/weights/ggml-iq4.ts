/** Unpackers of ggml's IQ4 types: 4-bit indices into a fixed, uneven codebook of signed bytes. Exact in 8-bit blocks. */
import type { Unpack } from './ggml-legacy.ts';
import { halfTable } from './half.ts';

/** The codebook plus 128: the unsigned 8-bit codes of rows.ts. */
const CODES = Uint8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113).map((value) => value + 128);

/** d | 16 bytes of nibbles. w = d * codebook[q]; blocks of 32. */
export const unpackIQ4_NL: Unpack = (bytes, count, codes, scales) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 18) {
    scales[b] = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    lookUp(bytes, at + 2, codes, b * 32);
  }
};

/** d | 8 x high 2 bits of the scales | 8 x low 4 bits | 128 bytes of nibbles. w = d * (sc - 32) * codebook[q]; blocks of 32. */
export const unpackIQ4_XS: Unpack = (bytes, count, codes, scales) => {
  const half = halfTable();
  for (let b = 0, at = 0, s = 0; b < count; b++, at += 136) {
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    const high = bytes[at + 2]! | (bytes[at + 3]! << 8);
    for (let sub = 0; sub < 8; sub++, s++) {
      const low = (bytes[at + 4 + (sub >> 1)]! >> ((sub & 1) << 2)) & 15;
      scales[s] = d * ((low | (((high >> (sub * 2)) & 3) << 4)) - 32);
      lookUp(bytes, at + 8 + sub * 16, codes, s * 32);
    }
  }
};

function lookUp(bytes: Uint8Array, at: number, codes: Uint8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + i]!;
    codes[to + i] = CODES[pair & 15]!;
    codes[to + i + 16] = CODES[pair >> 4]!;
  }
}
