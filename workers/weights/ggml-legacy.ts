/** Unpackers of ggml's blocks of 32 weights with a float16 scale (`d`) and, in the `_1` kinds, a float16 minimum (`m`). */
import { halfTable } from './half.ts';

/**
 * Writes the codes, scales and mins (see rows.ts) of `count` consecutive ggml blocks.
 * `mins` is empty for symmetric types.
 */
export type Unpack = (bytes: Uint8Array, count: number, codes: Uint8Array, scales: Float32Array, mins: Float32Array) => void;

/** d | 16 bytes of nibbles, low ones first. w = d * (q - 8). */
export const unpackQ4_0: Unpack = (bytes, count, codes, scales) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 18, to += 32) {
    scales[b] = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    unpackNibbles(bytes, at + 2, codes, to);
  }
};

/** d | m | 16 bytes of nibbles. w = d * q + m = d * (q - 8) + (m + 8 d). */
export const unpackQ4_1: Unpack = (bytes, count, codes, scales, mins) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 20, to += 32) {
    const d = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    scales[b] = d;
    mins[b] = half[bytes[at + 2]! | (bytes[at + 3]! << 8)]! + 8 * d;
    unpackNibbles(bytes, at + 4, codes, to);
  }
};

/** d | 32 fifth bits | 16 bytes of nibbles. w = d * (q - 16), held as code = q + 112. */
export const unpackQ5_0: Unpack = (bytes, count, codes, scales) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 22, to += 32) {
    scales[b] = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    unpackFiveBits(bytes, at + 2, codes, to, 112);
  }
};

/** d | m | 32 fifth bits | 16 bytes of nibbles. w = d * q + m, held as code = q + 128. */
export const unpackQ5_1: Unpack = (bytes, count, codes, scales, mins) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 24, to += 32) {
    scales[b] = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    mins[b] = half[bytes[at + 2]! | (bytes[at + 3]! << 8)]!;
    unpackFiveBits(bytes, at + 4, codes, to, 128);
  }
};

/** d | 32 signed bytes. w = d * q. */
export const unpackQ8_0: Unpack = (bytes, count, codes, scales) => {
  const half = halfTable();
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 34) {
    scales[b] = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
    for (let i = at + 2; i < at + 34; i++) codes[to++] = bytes[i]! ^ 128;
  }
};

function unpackNibbles(bytes: Uint8Array, at: number, codes: Uint8Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + i]!;
    codes[to + i] = pair & 15;
    codes[to + i + 16] = pair >> 4;
  }
}

function unpackFiveBits(bytes: Uint8Array, at: number, codes: Uint8Array, to: number, shift: number): void {
  const fifth = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i]!;
    codes[to + i] = ((pair & 15) | (((fifth >>> i) & 1) << 4)) + shift;
    codes[to + i + 16] = ((pair >> 4) | (((fifth >>> (i + 16)) & 1) << 4)) + shift;
  }
}
