/** Ranges of code points as sequences of byte ranges. */
import type { Ranges } from './grammar.ts';

/** `[from, to]` of each byte in turn. */
export type ByteRanges = readonly (readonly [number, number])[];

/** Last code point with one, two, three and four bytes. */
const LAST = [0x7f, 0x7ff, 0xffff, 0x10ffff];

function encode(code: number): number[] {
  if (code <= 0x7f) return [code];
  if (code <= 0x7ff) return [0xc0 | (code >> 6), 0x80 | (code & 63)];
  if (code <= 0xffff) return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
  return [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)];
}

/** The UTF-8 of a range, which must hold no surrogates, as disjoint sequences. */
export function utf8Ranges(from: number, to: number): ByteRanges[] {
  const length = LAST.findIndex((last) => from <= last);
  if (to > LAST[length]!) return [...utf8Ranges(from, LAST[length]!), ...utf8Ranges(LAST[length]! + 1, to)];
  // Cut until all bytes but the first that differs run through their whole range.
  for (let bits = 6; bits < 6 * encode(from).length; bits += 6) {
    const mask = (1 << bits) - 1;
    if (from >> bits === to >> bits) continue;
    if ((from & mask) !== 0) return [...utf8Ranges(from, from | mask), ...utf8Ranges((from | mask) + 1, to)];
    if ((to & mask) !== mask) return [...utf8Ranges(from, (to & ~mask) - 1), ...utf8Ranges(to & ~mask, to)];
  }
  const [first, last] = [encode(from), encode(to)];
  return [first.map((byte, i) => [byte, last[i]!] as const)];
}

/** How a character stands between the quotes of a JSON string: as it is, or by the shortest escape. */
const ESCAPED = new Map<number, string>([
  [8, '\\b'],
  [9, '\\t'],
  [10, '\\n'],
  [12, '\\f'],
  [13, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);
const PLAIN: Ranges = [
  [0x20, 0x21],
  [0x23, 0x5b],
  [0x5d, 0xd7ff],
  [0xe000, 0x10ffff],
];

/** The byte sequences of a range's characters inside of a JSON string. */
export function jsonRanges(from: number, to: number): ByteRanges[] {
  const plain = PLAIN.flatMap(([low, high]) => {
    const [a, b] = [Math.max(low, from), Math.min(high, to)];
    return a <= b ? utf8Ranges(a, b) : [];
  });
  const exact = (text: string): ByteRanges => Array.from(text, (c) => [c.charCodeAt(0), c.charCodeAt(0)] as const);
  const escaped: ByteRanges[] = [];
  for (let code = from; code <= Math.min(to, 0x5c); code++) {
    const known = ESCAPED.get(code);
    if (known) escaped.push(exact(known));
    else if (code < 0x20) escaped.push(exact(`\\u00${code.toString(16).padStart(2, '0')}`));
  }
  return [...plain, ...escaped];
}
