/**
 * Unpackers of ggml's IQ1, IQ2 and IQ3 types: super-blocks of 256 weights whose codes are entries of a codebook, with signs or a small
 * shift beside them. Every weight is a whole number times its sub-block's scale, so they are exact in symmetric 8-bit blocks.
 * `at` counts bytes, `h` the same place in halves, `to` words of four codes.
 */
import { codebook } from './ggml-codebooks.ts';
import { type Unpack, word } from './ggml-legacy.ts';
import { halfTable } from './half.ts';

/**
 * Signs of four weights (bit set: negative) as two words that turn magnitudes into codes, `(magnitudes ^ FLIP) + ADD`: a byte m becomes
 * 128 + m or, with m ^ 127 + 1, 128 - m. No byte carries into the next.
 */
const FLIP = Uint32Array.from({ length: 16 }, (_, signs) => spreadBits(signs, 0x7f, 0x80));
const ADD = Uint32Array.from({ length: 16 }, (_, signs) => spreadBits(signs, 1, 0));

function spreadBits(bits: number, set: number, clear: number): number {
  let out = 0;
  for (let i = 0; i < 4; i++) out |= (bits & (1 << i) ? set : clear) << (8 * i);
  return out;
}

/** Eight signs out of seven stored ones: the number of negative weights is even. */
const EVEN_SIGNS = Uint8Array.from({ length: 128 }, (_, seven) => {
  let parity = 0;
  for (let bits = seven; bits; bits >>= 1) parity ^= bits & 1;
  return seven | (parity << 7);
});

/** Two words of magnitudes with eight signs. */
function putSigned(codes: Uint32Array, to: number, first: number, second: number, signs: number): void {
  codes[to] = (first ^ FLIP[signs & 15]!) + ADD[signs & 15]!;
  codes[to + 1] = (second ^ FLIP[signs >> 4]!) + ADD[signs >> 4]!;
}

/** d | 8 x (4 entries of 8 bits, 4 x 7 signs, 4-bit scale). w = d (sc + 1/2) / 4 * entry; blocks of 32. */
export const unpackIQ2_XXS: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const book = codebook('IQ2_XXS');
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 66) {
    const d = half[halves[at >> 1]!]!;
    for (let sub = 0; sub < 8; sub++) {
      const from = at + 2 + 8 * sub;
      const rest = word(halves, (from >> 1) + 2);
      scales[s++] = d * (0.5 + (rest >>> 28)) * 0.25;
      for (let i = 0; i < 4; i++, to += 2) {
        const entry = 2 * bytes[from + i]!;
        putSigned(codes, to, book[entry]!, book[entry + 1]!, EVEN_SIGNS[(rest >>> (7 * i)) & 127]!);
      }
    }
  }
};

/** d | 32 x (9-bit entry, 7 signs) | 16 x 4-bit scale. w = d (sc + 1/2) / 4 * entry; blocks of 16. */
export const unpackIQ2_XS: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const book = codebook('IQ2_XS');
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 74) {
    const h = at >> 1;
    const d = half[halves[h]!]!;
    for (let sub = 0; sub < 16; sub++) scales[s++] = d * (0.5 + nibble(bytes, at + 66, sub)) * 0.25;
    for (let i = 0; i < 32; i++, to += 2) {
      const packed = halves[h + 1 + i]!;
      const entry = 2 * (packed & 511);
      putSigned(codes, to, book[entry]!, book[entry + 1]!, EVEN_SIGNS[packed >> 9]!);
    }
  }
};

/** d | 32 x low 8 bits of an entry | 32 x 8 signs | 32 x high 2 bits | 16 x 4-bit scale. w = d (sc + 1/2) / 4 * entry; blocks of 16. */
export const unpackIQ2_S: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const book = codebook('IQ2_S');
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 82) {
    const d = half[halves[at >> 1]!]!;
    for (let sub = 0; sub < 16; sub++) scales[s++] = d * (0.5 + nibble(bytes, at + 74, sub)) * 0.25;
    for (let i = 0; i < 32; i++, to += 2) {
      const high = (bytes[at + 66 + (i >> 2)]! >> (2 * (i & 3))) & 3;
      const entry = 2 * (bytes[at + 2 + i]! | (high << 8));
      putSigned(codes, to, book[entry]!, book[entry + 1]!, bytes[at + 34 + i]!);
    }
  }
};

/** d | 64 x 8-bit entry of four weights | 8 x (4 x 7 signs, 4-bit scale). w = d (sc + 1/2) / 2 * entry; blocks of 32. */
export const unpackIQ3_XXS: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const book = codebook('IQ3_XXS');
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 98) {
    const h = at >> 1;
    const d = half[halves[h]!]!;
    for (let sub = 0; sub < 8; sub++) {
      const rest = word(halves, h + 33 + 2 * sub);
      scales[s++] = d * (0.5 + (rest >>> 28)) * 0.5;
      for (let i = 0, from = at + 2 + 8 * sub; i < 4; i++, from += 2, to += 2)
        putSigned(codes, to, book[bytes[from]!]!, book[bytes[from + 1]!]!, EVEN_SIGNS[(rest >>> (7 * i)) & 127]!);
    }
  }
};

/** d | 64 x low 8 bits of an entry of four weights | 64 x high bit | 32 x 8 signs | 8 x 4-bit scale. w = d (2 sc + 1) * entry; blocks of 32. */
export const unpackIQ3_S: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const book = codebook('IQ3_S');
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 110) {
    const d = half[halves[at >> 1]!]!;
    for (let sub = 0; sub < 8; sub++) scales[s++] = d * (1 + 2 * nibble(bytes, at + 106, sub));
    for (let i = 0, from = at + 2; i < 32; i++, from += 2, to += 2) {
      const high = bytes[at + 66 + (i >> 2)]! >> (2 * (i & 3));
      const first = bytes[from]! | ((high & 1) << 8);
      const second = bytes[from + 1]! | ((high & 2) << 7);
      putSigned(codes, to, book[first]!, book[second]!, bytes[at + 74 + i]!);
    }
  }
};

/** Entries of -1, 0 and 1 in eighths above 128; the shift of plus or minus one eighth comes on top. */
const inEighths = (value: number) => 128 + 8 * value;
const EIGHTH = 0x01010101;

/** d | 32 x low 8 bits of an entry | 8 x (4 x high 3 bits, 3-bit scale, sign of the shift). w = d (2 sc + 1) * (entry +- 1/8); blocks of 32. */
export const unpackIQ1_S: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const book = codebook('IQ1_S', inEighths);
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 50) {
    const h = at >> 1;
    const d = half[halves[h]!]!;
    for (let sub = 0; sub < 8; sub++) {
      const rest = halves[h + 17 + sub]!;
      scales[s++] = d * (2 * ((rest >> 12) & 7) + 1) * 0.125;
      const shift = rest & 0x8000 ? -EIGHTH : EIGHTH;
      for (let i = 0; i < 4; i++) {
        const entry = 2 * (bytes[at + 2 + 4 * sub + i]! | (((rest >> (3 * i)) & 7) << 8));
        codes[to++] = book[entry]! + shift;
        codes[to++] = book[entry + 1]! + shift;
      }
    }
  }
};

/**
 * 32 x low 8 bits of an entry | 32 x (high 3 bits, sign of the shift) | 4 x (4 x 3-bit scale, a quarter of d).
 * w = d (2 sc + 1) * (entry +- 1/8); blocks of 16.
 */
export const unpackIQ1_M: Unpack = ({ count, bytes, halves, codes, scales }) => {
  const half = halfTable();
  const book = codebook('IQ1_S', inEighths);
  for (let b = 0, at = 0, to = 0, s = 0; b < count; b++, at += 56) {
    const h = (at >> 1) + 24;
    let bits = 0;
    for (let i = 0; i < 4; i++) bits |= (halves[h + i]! >> 12) << (4 * i);
    const d = half[bits]!;
    for (let sub = 0; sub < 16; sub++)
      scales[s++] = d * (2 * ((halves[h + (sub >> 2)]! >> (3 * (sub & 3))) & 7) + 1) * 0.125;
    for (let i = 0; i < 32; i++) {
      const rest = nibble(bytes, at + 32, i);
      const shift = rest & 8 ? -EIGHTH : EIGHTH;
      const entry = 2 * (bytes[at + i]! | ((rest & 7) << 8));
      codes[to++] = book[entry]! + shift;
      codes[to++] = book[entry + 1]! + shift;
    }
  }
};

/** The nibble `index` from byte `at` on, low ones first. */
function nibble(bytes: Uint8Array, at: number, index: number): number {
  return (bytes[at + (index >> 1)]! >> (4 * (index & 1))) & 15;
}
