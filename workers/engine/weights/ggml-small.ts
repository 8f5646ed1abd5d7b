/** Unpackers of ggml's types with very few levels: the ternary TQ1_0 and TQ2_0, and MXFP4 (float4 with a power of two for each block). */
import { type Unpack, word } from './ggml-legacy.ts';
import { halfTable } from './half.ts';

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

/** Twice the value of each float4 (E2M1), as an 8-bit code. */
const FLOAT4 = Uint8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12).map((value) => value + 128);

/** 8-bit exponent | 16 bytes of nibbles. w = 2^(exponent - 128) * twice the float4; blocks of 32. Its size is odd, so bytes are read singly. */
export const unpackMXFP4: Unpack = ({ count, bytes, codes, scales }) => {
  const out = new Uint8Array(codes.buffer);
  for (let b = 0, at = 0, to = 0; b < count; b++, at += 17, to += 32) {
    scales[b] = 2 ** (bytes[at]! - 128);
    for (let i = 0; i < 16; i++) {
      const packed = bytes[at + 1 + i]!;
      out[to + i] = FLOAT4[packed & 15]!;
      out[to + 16 + i] = FLOAT4[packed >> 4]!;
    }
  }
};
