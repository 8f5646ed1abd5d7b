/**
 * Unpackers of ggml's K-quants: super-blocks of 256 weights with float16 `d` (and `dmin`), cut into sub-blocks of 16 or 32 that have
 * small integer scales (and minima). Each sub-block becomes one affine block.
 */
import type { Unpack } from './ggml-legacy.ts';
import { halfTable } from './half.ts';

/** 16 x (4-bit scale, 4-bit minimum) | 64 bytes of 2-bit codes | d | dmin. w = d * sc * q - dmin * m; blocks of 16. */
export const unpackQ2_K: Unpack = (bytes, count, codes, scales, mins) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 84) {
    const d = half[bytes[at + 80]! | (bytes[at + 81]! << 8)]!;
    const dmin = half[bytes[at + 82]! | (bytes[at + 83]! << 8)]!;
    for (let sub = 0; sub < 16; sub++, s++) {
      const packed = bytes[at + sub]!;
      scales[s] = d * (packed & 15);
      mins[s] = -dmin * (packed >> 4);
      const from = at + 16 + ((sub >> 3) << 5) + ((sub & 1) << 4);
      const shift = sub & 6; // bits 0, 2, 4, 6 for the sub-block pairs of a half
      for (let i = 0; i < 16; i++) codes[to++] = ((bytes[from + i]! >> shift) & 3) + 128;
    }
  }
};

/** 32 bytes of third bits | 64 bytes of 2-bit codes | 16 x 6-bit scales | d. w = d * (sc - 32) * (q - 4); blocks of 16. */
export const unpackQ3_K: Unpack = (bytes, count, codes, scales) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 110) {
    const d = half[bytes[at + 108]! | (bytes[at + 109]! << 8)]!;
    for (let sub = 0; sub < 16; sub++, s++) {
      const low = sub < 8 ? bytes[at + 96 + sub]! & 15 : bytes[at + 88 + sub]! >> 4;
      const high = (bytes[at + 104 + (sub & 3)]! >> ((sub >> 2) << 1)) & 3;
      scales[s] = d * ((low | (high << 4)) - 32);
      const offset = (sub & 1) << 4;
      const from = at + 32 + ((sub >> 3) << 5) + offset;
      const third = at + offset;
      const shift = sub & 6;
      const bit = sub >> 1;
      for (let i = 0; i < 16; i++) {
        const q = ((bytes[from + i]! >> shift) & 3) | (((bytes[third + i]! >> bit) & 1) << 2);
        codes[to++] = q + 124;
      }
    }
  }
};

/** d | dmin | 8 x (6-bit scale, 6-bit minimum) | 128 bytes of nibbles. w = d * sc * q - dmin * m; blocks of 32. */
export const unpackQ4_K: Unpack = (bytes, count, codes, scales, mins) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 144, to += 256, s += 8) {
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    const dmin = half[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
    for (let sub = 0; sub < 8; sub++) {
      const scale = d * subScale(bytes, at + 4, sub);
      scales[s + sub] = scale;
      mins[s + sub] = 8 * scale - dmin * subMin(bytes, at + 4, sub);
    }
    for (let pair = 0; pair < 4; pair++) {
      const from = at + 16 + pair * 32;
      const out = to + pair * 64;
      for (let i = 0; i < 32; i++) {
        const byte = bytes[from + i]!;
        codes[out + i] = byte & 15;
        codes[out + i + 32] = byte >> 4;
      }
    }
  }
};

/** As Q4_K with 32 bytes of fifth bits before the nibbles; code = q + 128, so that the minimum stays as it is. */
export const unpackQ5_K: Unpack = (bytes, count, codes, scales, mins) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 176, to += 256, s += 8) {
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    const dmin = half[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
    for (let sub = 0; sub < 8; sub++) {
      scales[s + sub] = d * subScale(bytes, at + 4, sub);
      mins[s + sub] = -dmin * subMin(bytes, at + 4, sub);
    }
    for (let pair = 0; pair < 4; pair++) {
      const from = at + 48 + pair * 32;
      const out = to + pair * 64;
      for (let i = 0; i < 32; i++) {
        const byte = bytes[from + i]!;
        const fifth = bytes[at + 16 + i]! >> (pair * 2);
        codes[out + i] = ((byte & 15) | ((fifth & 1) << 4)) + 128;
        codes[out + i + 32] = ((byte >> 4) | ((fifth & 2) << 3)) + 128;
      }
    }
  }
};

/** 128 bytes of low nibbles | 64 bytes of high pairs | 16 signed scales | d. w = d * sc * (q - 32); blocks of 16; code = q + 96. */
export const unpackQ6_K: Unpack = (bytes, count, codes, scales) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 210, to += 256) {
    const d = half[bytes[at + 208]! | (bytes[at + 209]! << 8)]!;
    for (let sub = 0; sub < 16; sub++) scales[s++] = d * ((bytes[at + 192 + sub]! << 24) >> 24);
    for (let part = 0; part < 2; part++) {
      const low = at + part * 64;
      const high = at + 128 + part * 32;
      const out = to + part * 128;
      for (let i = 0; i < 32; i++) {
        const a = bytes[low + i]!;
        const c = bytes[low + i + 32]!;
        const pairs = bytes[high + i]!;
        codes[out + i] = ((a & 15) | ((pairs & 3) << 4)) + 96;
        codes[out + i + 32] = ((c & 15) | ((pairs & 12) << 2)) + 96;
        codes[out + i + 64] = ((a >> 4) | (pairs & 48)) + 96;
        codes[out + i + 96] = ((c >> 4) | ((pairs & 192) >> 2)) + 96;
      }
    }
  }
};

/** Scale of sub-block `sub` in the 12 bytes at `at`: six bits, the last four sub-blocks' split in four and two. */
function subScale(bytes: Uint8Array, at: number, sub: number): number {
  return sub < 4 ? bytes[at + sub]! & 63 : (bytes[at + sub + 4]! & 15) | ((bytes[at + sub - 4]! >> 6) << 4);
}

function subMin(bytes: Uint8Array, at: number, sub: number): number {
  return sub < 4 ? bytes[at + sub + 4]! & 63 : (bytes[at + sub + 4]! >> 4) | ((bytes[at + sub]! >> 6) << 4);
}
