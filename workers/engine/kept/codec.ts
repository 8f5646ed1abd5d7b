/**
 * Keys and values of one layer as they are kept on the disk: float16. Codes of 8 bits would take half of it, but they moved a token of a reply
 * (docs/decisions/kept-caches.md).
 *
 * A part, little-endian: keys, then values, each float16 `[kvHeads, tokens, headDim]`.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { KvRows } from '../decoder.ts';
import { floatToHalf, halfTable } from '../weights/half.ts';

/** The measures of a cache. */
type KvShape = Pick<PhiConfig, 'layers' | 'kvHeads' | 'headDim'>;

const HALF_BYTES = 2;
/** Exponent of float16 that marks what is infinite or not a number. */
const NOT_FINITE = 0x7c00;

/** Changes with the layout above: parts of another version are never read. */
export const PART_VERSION = 1;

/** Bytes of a part of one layer. */
export const partBytes = ({ kvHeads, headDim }: KvShape, tokens: number): number =>
  2 * HALF_BYTES * kvHeads * tokens * headDim;

/** Bytes of all layers. */
export const keptBytes = (shape: KvShape, tokens: number): number => shape.layers * partBytes(shape, tokens);

/** Tokens `[from, to)` of a layer's rows `[kvHeads, total, headDim]` as a part; null if a value is NaN or too large for float16. */
export function encodePart(
  shape: KvShape,
  rows: KvRows,
  total: number,
  from: number,
  to: number,
): Uint8Array<ArrayBuffer> | null {
  const { kvHeads, headDim } = shape;
  const halves = new Uint16Array(partBytes(shape, to - from) / HALF_BYTES);
  let at = 0;
  for (const all of [rows.keys, rows.values]) {
    for (let head = 0; head < kvHeads; head++) {
      const part = floatToHalf(all.subarray((head * total + from) * headDim, (head * total + to) * headDim));
      for (let i = 0; i < part.length; i++) if ((part[i]! & NOT_FINITE) === NOT_FINITE) return null;
      halves.set(part, at);
      at += part.length;
    }
  }
  return new Uint8Array(halves.buffer);
}

/** Puts a part's tokens at `at` and on into rows `[kvHeads, total, headDim]`. The part's length must be `partBytes`. */
export function decodePart(
  { kvHeads, headDim }: KvShape,
  tokens: number,
  bytes: Uint8Array<ArrayBuffer>,
  rows: KvRows,
  total: number,
  at: number,
): void {
  const halves = new Uint16Array(bytes.buffer);
  const floats = halfTable();
  const length = tokens * headDim;
  let from = 0;
  for (const all of [rows.keys, rows.values]) {
    for (let head = 0; head < kvHeads; head++) {
      const to = (head * total + at) * headDim;
      for (let i = 0; i < length; i++) all[to + i] = floats[halves[from + i]!]!;
      from += length;
    }
  }
}
