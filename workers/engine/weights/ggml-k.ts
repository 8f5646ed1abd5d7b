/**
 * Unpackers of ggml's K-quants: super-blocks of 256 weights with float16 `d` (and `dmin`), cut into sub-blocks of 16 or 32 that have
 * small integer scales (and minima). Each sub-block becomes one affine block. `at` counts bytes, `h` the same place in halves.
 */
import { type Unpack, word } from './ggml-legacy.ts';
import { halfTable } from './half.ts';

/** 16 x (4-bit scale, 4-bit minimum) | 64 bytes of 2-bit codes | d | dmin. w = d * sc * q - dmin * m; blocks of 16; code = q + 126. */
export const unpackQ2_K: Unpack = ({ count, bytes, halves, codes, scales, mins }) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 84) {
    const h = at >> 1;
    const d = half[halves[h + 40]!]!;
    const dmin = half[halves[h + 41]!]!;
    for (let sub = 0; sub < 16; sub++, s++) {
      const packed = bytes[at + sub]!;
      const scale = d * (packed & 15);
      scales[s] = scale;
      mins[s] = 2 * scale - dmin * (packed >> 4);
      const from = h + 8 + ((sub >> 3) << 4) + ((sub & 1) << 3);
      const shift = sub & 6; // two sub-blocks share each pair of bits
      for (let i = 0; i < 8; i += 2) codes[to++] = ((word(halves, from + i) >>> shift) & 0x03030303) + 0x7e7e7e7e;
    }
  }
};

/** 32 bytes of third bits | 64 bytes of 2-bit codes | 16 x 6-bit scales | d. w = d * (sc - 32) * (q - 4); blocks of 16; code = q + 124. */
export const unpackQ3_K: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 110) {
    const h = at >> 1;
    const d = half[halves[h + 54]!]!;
    for (let sub = 0; sub < 16; sub++, s++) {
      const low = sub < 8 ? bytes[at + 96 + sub]! & 15 : bytes[at + 88 + sub]! >> 4;
      const high = (bytes[at + 104 + (sub & 3)]! >> ((sub >> 2) << 1)) & 3;
      scales[s] = d * ((low | (high << 4)) - 32);
      const third = h + ((sub & 1) << 3);
      const from = third + 16 + ((sub >> 3) << 4);
      const shift = sub & 6;
      const bit = sub >> 1;
      for (let i = 0; i < 8; i += 2) {
        const high = ((word(halves, third + i) >>> bit) & 0x01010101) << 2;
        codes[to++] = (((word(halves, from + i) >>> shift) & 0x03030303) | high) + 0x7c7c7c7c;
      }
    }
  }
};

/** Scales and mins of the eight blocks at `s` of Q4_K and Q5_K, whose codes lie around `middle`. */
function sixBitScales(
  bytes: Uint8Array,
  at: number,
  d: number,
  dmin: number,
  middle: number,
  scales: Float32Array,
  mins: Float32Array,
  s: number,
): void {
  for (let sub = 0; sub < 8; sub++, s++) {
    const scale = d * subScale(bytes, at, sub);
    scales[s] = scale;
    mins[s] = middle * scale - dmin * subMin(bytes, at, sub);
  }
}

/** d | dmin | 8 x (6-bit scale, 6-bit minimum) | 128 bytes of nibbles. w = d * sc * q - dmin * m; blocks of 32. */
export const unpackQ4_K: Unpack = ({ count, bytes, halves, codes, scales, mins }) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 144) {
    const h = at >> 1;
    sixBitScales(bytes, at + 4, half[halves[h]!]!, half[halves[h + 1]!]!, 8, scales, mins, 8 * b);
    for (let i = 0; i < 32; i++) {
      const nibbles = word(halves, h + 8 + 2 * i);
      const to = b * 64 + ((i >> 3) << 4) + (i & 7); // 32 low nibbles, then the 32 high ones of the same bytes
      codes[to] = nibbles & 0x0f0f0f0f;
      codes[to + 8] = (nibbles >>> 4) & 0x0f0f0f0f;
    }
  }
};

/** As Q4_K with 32 bytes of fifth bits before the nibbles; code = q + 112. */
export const unpackQ5_K: Unpack = ({ count, bytes, halves, codes, scales, mins }) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 176) {
    const h = at >> 1;
    sixBitScales(bytes, at + 4, half[halves[h]!]!, half[halves[h + 1]!]!, 16, scales, mins, 8 * b);
    for (let i = 0; i < 32; i++) {
      const nibbles = word(halves, h + 24 + 2 * i);
      const fifth = word(halves, h + 8 + 2 * (i & 7)) >>> ((i >> 3) << 1);
      const to = b * 64 + ((i >> 3) << 4) + (i & 7);
      codes[to] = ((nibbles & 0x0f0f0f0f) | ((fifth & 0x01010101) << 4)) + 0x70707070;
      codes[to + 8] = (((nibbles >>> 4) & 0x0f0f0f0f) | ((fifth & 0x02020202) << 3)) + 0x70707070;
    }
  }
};

/** 128 bytes of low nibbles | 64 bytes of high pairs | 16 signed scales | d. w = d * sc * (q - 32); blocks of 16; code = q + 96. */
export const unpackQ6_K: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, at = 0, s = 0; b < count; b++, at += 210) {
    const h = at >> 1;
    const d = half[halves[h + 104]!]!;
    for (let sub = 0; sub < 16; sub++) scales[s++] = d * ((bytes[at + 192 + sub]! << 24) >> 24);
    for (let i = 0; i < 16; i++) {
      const part = i >> 3; // 128 weights: 64 bytes of nibbles, 32 of pairs
      const low = h + part * 32 + 2 * (i & 7);
      const a = word(halves, low);
      const c = word(halves, low + 16);
      const pairs = word(halves, h + 64 + 2 * i);
      const to = b * 64 + part * 32 + (i & 7);
      codes[to] = ((a & 0x0f0f0f0f) | ((pairs & 0x03030303) << 4)) + 0x60606060;
      codes[to + 8] = ((c & 0x0f0f0f0f) | ((pairs & 0x0c0c0c0c) << 2)) + 0x60606060;
      codes[to + 16] = (((a >>> 4) & 0x0f0f0f0f) | (pairs & 0x30303030)) + 0x60606060;
      codes[to + 24] = (((c >>> 4) & 0x0f0f0f0f) | ((pairs >>> 2) & 0x30303030)) + 0x60606060;
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
