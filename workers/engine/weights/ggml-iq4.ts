/** Unpackers of ggml's IQ4 types: 4-bit indices into a fixed, uneven codebook of signed bytes. Exact in 8-bit blocks. */
import type { Unpack } from './ggml-legacy.ts';
import { halfTable } from './half.ts';

/** The codebook plus 128: the unsigned 8-bit codes of rows.ts. */
const CODES = Uint8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113).map(
  (value) => value + 128,
);
/** Codes of the low nibbles of two bytes; shifted by 4, of the high ones. */
const LOW = Uint16Array.from({ length: 65536 }, (_, pair) => CODES[pair & 15]! | (CODES[(pair >> 8) & 15]! << 8));

/** d | 16 bytes of nibbles. w = d * codebook[q]; blocks of 32. */
export const unpackIQ4_NL: Unpack = ({ count, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 9) {
    scales[b] = half[halves[at]!]!;
    lookUp(halves, at + 1, codes, b * 8);
  }
};

/** d | 8 x high 2 bits of the scales | 8 x low 4 bits | 128 bytes of nibbles. w = d * (sc - 32) * codebook[q]; blocks of 32. */
export const unpackIQ4_XS: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, h = 0, s = 0; b < count; b++, h += 68) {
    const d = half[halves[h]!]!;
    const high = halves[h + 1]!;
    for (let sub = 0; sub < 8; sub++, s++) {
      const low = (bytes[2 * h + 4 + (sub >> 1)]! >> ((sub & 1) << 2)) & 15;
      scales[s] = d * ((low | (((high >> (sub * 2)) & 3) << 4)) - 32);
      lookUp(halves, h + 4 + sub * 8, codes, s * 8);
    }
  }
};

function lookUp(halves: Uint16Array, at: number, codes: Uint32Array, to: number): void {
  for (let i = 0; i < 4; i++, to++, at += 2) {
    const first = halves[at]!;
    const second = halves[at + 1]!;
    codes[to] = LOW[first]! | (LOW[second]! << 16);
    codes[to + 4] = LOW[first >> 4]! | (LOW[second >> 4]! << 16);
  }
}
