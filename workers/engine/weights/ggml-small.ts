/**
 * Unpackers of ggml's types with very few levels: Q1_0 (a sign), Q2_0 (four levels), the ternary TQ1_0 and TQ2_0, and the float4 types MXFP4
 * (a power of two for each block) and NVFP4 (a float8 for each sixteen weights).
 */
import { type Unpack, word } from './ggml-legacy.ts';
import { halfTable } from './half.ts';
import { E4M3, FLOAT4_CODES } from './small-floats.ts';

/** Codes 7 and 9 for -1 and 1, by four bits, the lowest one first. */
const SIGNS = Uint32Array.from({ length: 16 }, (_, bits) => {
  let codes = 0;
  for (let i = 0; i < 4; i++) codes |= ((bits >> i) & 1 ? 9 : 7) << (8 * i);
  return codes;
});

/** d | 16 bytes of bits, lowest first. w = d where a bit is set, else -d; blocks of 128. */
export const unpackQ1_0: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, to = 0; b < count; b++) {
    scales[b] = half[halves[9 * b]!]!;
    for (let at = 18 * b + 2; at < 18 * b + 18; at++) {
      codes[to++] = SIGNS[bytes[at]! & 15]!;
      codes[to++] = SIGNS[bytes[at]! >> 4]!;
    }
  }
};

/** d | 16 bytes of four 2-bit codes, lowest first. w = d * (q - 1); blocks of 64. */
export const unpackQ2_0: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, to = 0; b < count; b++) {
    scales[b] = half[halves[9 * b]!]!;
    for (let at = 18 * b + 2; at < 18 * b + 18; at++) {
      const four = bytes[at]!;
      codes[to++] = 0x07070707 + ((four & 3) | ((four & 12) << 6) | ((four & 48) << 12) | ((four & 192) << 18));
    }
  }
};

const POWERS_OF_3 = [1, 3, 9, 27, 81];

/**
 * 48 bytes of five base-3 digits | 4 bytes of four | d. w = d * (digit - 1); blocks of 256. A byte holds its digits as a fraction of 256:
 * digit n is the whole part of three times (byte * 3^n mod 256) / 256.
 */
export const unpackTQ1_0: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const out = new Uint8Array(codes.buffer);
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 54) {
    scales[b] = half[halves[(at >> 1) + 26]!]!;
    const digits = (from: number, length: number, each: number): void => {
      for (let digit = 0; digit < each; digit++)
        for (let i = 0; i < length; i++) out[to++] = 7 + ((((bytes[from + i]! * POWERS_OF_3[digit]!) & 255) * 3) >> 8);
    };
    digits(at, 32, 5);
    digits(at + 32, 16, 5);
    digits(at + 48, 4, 4);
  }
};

/** 64 bytes of four 2-bit digits | d. w = d * (digit - 1); blocks of 256. */
export const unpackTQ2_0: Unpack = ({ count, halves, codes, scales }) => {
  const half = halfTable();
  for (let b = 0, h = 0, to = 0; b < count; b++, h += 33) {
    scales[b] = half[halves[h + 32]!]!;
    for (let part = 0; part < 2; part++)
      for (let shift = 0; shift < 8; shift += 2)
        for (let i = 0; i < 16; i += 2)
          codes[to++] = ((word(halves, h + 16 * part + i) >>> shift) & 0x03030303) + 0x07070707;
  }
};

/** 8-bit exponent | 16 bytes of nibbles. w = 2^(exponent - 128) * twice the float4; blocks of 32. Its size is odd, so bytes are read singly. */
export const unpackMXFP4: Unpack = ({ count, bytes, codes, scales }) => {
  const out = new Uint8Array(codes.buffer);
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 17, to += 32) {
    scales[b] = 2 ** (bytes[at]! - 128);
    for (let i = 0; i < 16; i++) {
      const packed = bytes[at + 1 + i]!;
      out[to + i] = FLOAT4_CODES[packed & 15]!;
      out[to + 16 + i] = FLOAT4_CODES[packed >> 4]!;
    }
  }
};

/** Half of each scale of NVFP4 by code. ggml takes the scale without its sign, and NaN as 0. */
const NVFP4_SCALES = E4M3.map((_, code) => (E4M3[code & 127]! || 0) / 2);

/** 4 scales (float8 E4M3) | four times 8 bytes of nibbles, eight low ones first. w = scale * float4; blocks of 64, a scale for 16. */
export const unpackNVFP4: Unpack = ({ count, bytes, codes, scales }) => {
  const out = new Uint8Array(codes.buffer);
  for (let b = 0, to = 0; b < count; b++) {
    for (let part = 0; part < 4; part++, to += 16) {
      scales[4 * b + part] = NVFP4_SCALES[bytes[36 * b + part]!]!;
      for (let i = 0, at = 36 * b + 4 + 8 * part; i < 8; i++, at++) {
        out[to + i] = FLOAT4_CODES[bytes[at]! & 15]!;
        out[to + 8 + i] = FLOAT4_CODES[bytes[at]! >> 4]!;
      }
    }
  }
};
