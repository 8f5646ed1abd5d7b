/**
 * Signed 4 bits with one scale for each output channel, or for each group of inputs and output channel: `[K, N]`, as a right-hand side of MatMul. It is what
 * NPUs keep at 4 bits. A whole column shares 16 steps, so the scale is searched by its error: outliers are clipped where that costs less than coarse steps.
 */

/** Codes go from -8 to 7. */
const LOWEST = -8;
const HIGHEST = 7;
/** Scales tried, as parts of the one that reaches the largest weight: coarse ones, then around the best. */
const COARSE = [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.42, 0.35];
const FINE = [0.92, 0.96, 1.04, 1.08];

export interface Int4Matrix {
  /** `[K, N]`, two codes a byte, the low half first. */
  codes: Uint8Array;
  /** `[K / group, N]`: weight = code * scale */
  scales: Float32Array;
}

/** The whole-number code of `value / scale`. */
export const codeOf = (value: number, inverse: number): number =>
  Math.max(LOWEST, Math.min(HIGHEST, Math.round(value * inverse)));

/**
 * Scales `[K / group, n]` of `values [K, n]`.
 * @param importance `[K]`: what the squared error of an input's weights counts; null: all the same
 * @param search false: the scale that reaches the largest weight (plain rounding)
 */
export function int4Scales(
  values: Float32Array,
  k: number,
  n: number,
  group: number,
  { importance = null, search = true }: { importance?: Float32Array | null; search?: boolean } = {},
): Float32Array {
  const scales = new Float32Array((k / group) * n);
  for (let g = 0; g < k / group; g++) {
    const from = g * group * n;
    const largest = new Float32Array(n);
    for (let i = 0, at = from; i < group; i++)
      for (let c = 0; c < n; c++, at++) largest[c] = Math.max(largest[c]!, Math.abs(values[at]!));
    const top = largest.map((value) => value / HIGHEST);
    const best = search ? searched(values, { from, group, n, importance, first: g * group }, top) : top;
    scales.set(best, g * n);
  }
  return scales;
}

interface Part {
  from: number;
  group: number;
  n: number;
  importance: Float32Array | null;
  /** Its first input. */
  first: number;
}

function searched(values: Float32Array, part: Part, top: Float32Array): Float32Array {
  const best = Float32Array.from(top);
  const least = errors(values, part, top);
  const attempt = (scales: Float32Array) => {
    const found = errors(values, part, scales);
    for (let c = 0; c < part.n; c++) {
      if (found[c]! >= least[c]!) continue;
      least[c] = found[c]!;
      best[c] = scales[c]!;
    }
  };
  for (const factor of COARSE.slice(1)) attempt(top.map((scale) => scale * factor));
  const around = Float32Array.from(best);
  for (const factor of FINE) attempt(around.map((scale) => scale * factor));
  return best;
}

/** Squared error of each column of a group. */
function errors(values: Float32Array, { from, group, n, importance, first }: Part, scales: Float32Array): Float32Array {
  const sums = new Float32Array(n);
  const inverse = inverses(scales);
  for (let i = 0, at = from; i < group; i++) {
    const weight = importance ? importance[first + i]! : 1;
    for (let c = 0; c < n; c++, at++) {
      const difference = values[at]! - codeOf(values[at]!, inverse[c]!) * scales[c]!;
      sums[c] = sums[c]! + weight * difference * difference;
    }
  }
  return sums;
}

const inverses = (scales: Float32Array): Float32Array => scales.map((scale) => (scale > 0 ? 1 / scale : 0));

/** `values [K, n]` rounded to the nearest step, into columns `[column, column + n)` of `out`, which has `columns` of them. */
export function roundInto(
  out: Int4Matrix,
  columns: number,
  column: number,
  values: Float32Array,
  scales: Float32Array,
  n: number,
  group: number,
): void {
  const inverse = inverses(scales);
  const k = values.length / n;
  const codes = new Int8Array(n);
  for (let i = 0; i < k; i++) {
    const row = Math.floor(i / group) * n;
    for (let c = 0; c < n; c++) codes[c] = codeOf(values[i * n + c]!, inverse[row + c]!);
    packRow(out.codes, i * columns + column, codes);
  }
  putScales(out.scales, columns, column, scales, n);
}

/** Writes signed codes as nibbles from element `at` on; `at` and their number are even. */
export function packRow(out: Uint8Array, at: number, codes: Int8Array): void {
  for (let c = 0, to = at / 2; c < codes.length; c += 2, to++) out[to] = (codes[c]! & 15) | ((codes[c + 1]! & 15) << 4);
}

/** Writes `scales [groups, n]` into columns of `out [groups, columns]`. */
export function putScales(out: Float32Array, columns: number, column: number, scales: Float32Array, n: number): void {
  for (let g = 0; g < scales.length / n; g++) out.set(scales.subarray(g * n, (g + 1) * n), g * columns + column);
}

/**
 * Codes `[K, n]` turned: `[n, part of K]` for each part.
 * @param parts sizes, which add up to K
 */
export function int4Rows(codes: Uint8Array, n: number, parts: readonly number[]): Uint8Array<ArrayBuffer>[] {
  let first = 0;
  return parts.map((width) => {
    const out = new Uint8Array(Math.ceil((n * width) / 2));
    for (let start = 0; start < n; start += TURNED) {
      const end = Math.min(n, start + TURNED);
      for (let i = 0; i < width; i++)
        for (let c = start, from = (first + i) * n + start; c < end; c++, from++) {
          const to = c * width + i;
          out[to >> 1] = out[to >> 1]! | (((codes[from >> 1]! >> (4 * (from & 1))) & 15) << (4 * (to & 1)));
        }
    }
    first += width;
    return out;
  });
}

/** Columns turned at a time: their rows stay in the processor's cache. */
const TURNED = 64;

/** Float32 `[K, N]` of such a matrix. */
export function int4Values({ codes, scales }: Int4Matrix, n: number, group: number): Float32Array {
  const out = new Float32Array(codes.length * 2);
  for (let i = 0; i < out.length; i++) {
    const nibble = (codes[i >> 1]! >> (4 * (i & 1))) & 15;
    out[i] = (nibble > HIGHEST ? nibble - 16 : nibble) * scales[Math.floor(i / n / group) * n + (i % n)]!;
  }
  return out;
}
