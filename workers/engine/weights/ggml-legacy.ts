/** Unpackers of ggml's blocks of 32 weights with a float16 scale (`d`) and, in the `_1` kinds, a float16 minimum (`m`). */
import { halfTable } from './half.ts';

/** Consecutive ggml blocks and the rows that they become (see rows.ts). Four codes are handled at a time: a byte at a time takes two to three times as long. */
interface Blocks {
  count: number;
  bytes: Uint8Array;
  /** The same bytes by twos; every ggml block but MXFP4's has an even size. */
  halves: Uint16Array;
  /** Codes by fours, first one lowest. */
  codes: Uint32Array;
  scales: Float32Array;
  /** Empty for symmetric types. */
  mins: Float32Array;
}

export type Unpack = (blocks: Blocks) => void;

/** Four bytes from `halves[at]` on. */
export function word(halves: Uint16Array, at: number): number {
  return halves[at]! | (halves[at + 1]! << 16);
}

/** d | 16 bytes of nibbles, low ones first. w = d * (q - 8). */
export const unpackQ4_0: Unpack = ({ count, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 9) {
    scales[b] = half[halves[at]!]!;
    for (let i = 0, to = b * 8; i < 4; i++, to++) {
      const nibbles = word(halves, at + 1 + 2 * i);
      codes[to] = nibbles & 0x0f0f0f0f;
      codes[to + 4] = (nibbles >>> 4) & 0x0f0f0f0f;
    }
  }
};

/** d | m | 16 bytes of nibbles. w = d * q + m = d * (q - 8) + (m + 8 d). */
export const unpackQ4_1: Unpack = ({ count, halves, codes, scales, mins }) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 10) {
    const d = half[halves[at]!]!;
    scales[b] = d;
    mins[b] = half[halves[at + 1]!]! + 8 * d;
    for (let i = 0, to = b * 8; i < 4; i++, to++) {
      const nibbles = word(halves, at + 2 + 2 * i);
      codes[to] = nibbles & 0x0f0f0f0f;
      codes[to + 4] = (nibbles >>> 4) & 0x0f0f0f0f;
    }
  }
};

/** Bit 4 of each of four bytes from four bits. */
const FIFTH = Uint32Array.from(
  { length: 16 },
  (_, bits) => ((bits & 1) << 4) | ((bits & 2) << 11) | ((bits & 4) << 18) | ((bits & 8) << 25),
);

/** d | 32 fifth bits | 16 bytes of nibbles. w = d * (q - 16), held as code = q + 112. */
export const unpackQ5_0: Unpack = ({ count, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 11) {
    scales[b] = half[halves[at]!]!;
    const fifth = word(halves, at + 1);
    for (let i = 0, to = b * 8; i < 4; i++, to++) {
      const nibbles = word(halves, at + 3 + 2 * i);
      codes[to] = ((nibbles & 0x0f0f0f0f) | FIFTH[(fifth >>> (4 * i)) & 15]!) + 0x70707070;
      codes[to + 4] = (((nibbles >>> 4) & 0x0f0f0f0f) | FIFTH[(fifth >>> (4 * i + 16)) & 15]!) + 0x70707070;
    }
  }
};

/** d | m | 32 fifth bits | 16 bytes of nibbles. w = d * q + m, held as code = q + 112. */
export const unpackQ5_1: Unpack = ({ count, halves, codes, scales, mins }) => {
  const half = halfTable();
  for (let b = 0, at = 0; b < count; b++, at += 12) {
    const scale = half[halves[at]!]!;
    scales[b] = scale;
    mins[b] = 16 * scale + half[halves[at + 1]!]!;
    const fifth = word(halves, at + 2);
    for (let i = 0, to = b * 8; i < 4; i++, to++) {
      const nibbles = word(halves, at + 4 + 2 * i);
      codes[to] = ((nibbles & 0x0f0f0f0f) | FIFTH[(fifth >>> (4 * i)) & 15]!) + 0x70707070;
      codes[to + 4] = (((nibbles >>> 4) & 0x0f0f0f0f) | FIFTH[(fifth >>> (4 * i + 16)) & 15]!) + 0x70707070;
    }
  }
};

/** d | 32 signed bytes. w = d * q. */
export const unpackQ8_0: Unpack = ({ count, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 17) {
    scales[b] = half[halves[at]!]!;
    for (let i = at + 1; i < at + 17; i += 2) codes[to++] = word(halves, i) ^ 0x80808080;
  }
};
