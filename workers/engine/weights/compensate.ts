/**
 * Rounding that makes up for itself (GPTQ, arXiv 2210.17323, in the form of QuIP's LDLQ, arXiv 2307.13304): inputs are rounded one after another, and what one
 * has lost goes into the weights of the inputs that come after it, as far as these inputs go together. `gram` = X'X of calibration activations says how far.
 *
 * The loss of a column w rounded to q is (w - q)' G (w - q). With G = M D M', M unit upper triangular, it is the sum over k of d_k (e_k + sum of e_j M_jk for
 * j < k)^2, e = w - q: so input k is rounded after adding that sum to it. Inputs go from the most to the least important.
 */
import { codeOf, packRow, putScales, type Int4Matrix } from './int4-columns.ts';
import type { Products } from './products.ts';

/** Inputs that are rounded between two products. */
const BLOCK = 64;
/** Columns that are rounded at a time: their errors have to be held. */
const TILE = 1024;
/** Added to the diagonal, of its mean: inputs that calibration hardly saw must not count as useless. */
const DAMPING = 0.01;

export interface Feedback {
  /** `[K]`: input that is rounded at each place. */
  order: Int32Array;
  /** `[K, K]`, in that order: M, unit upper triangular, row by row. */
  factor: Float32Array;
}

/** Factorises `gram [K, K]`, symmetric and not negative. `order`: false keeps the inputs in their order. */
export async function feedbackOf(gram: Float32Array, k: number, products: Products, sort = true): Promise<Feedback> {
  const diagonal = Float32Array.from({ length: k }, (_, i) => gram[i * k + i]!);
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / k;
  const damping = mean > 0 ? DAMPING * mean : 1;
  const order = Int32Array.from({ length: k }, (_, i) => i);
  if (sort) order.sort((a, b) => diagonal[b]! - diagonal[a]! || a - b);
  const g = new Float32Array(k * k);
  for (let i = 0; i < k; i++)
    for (let j = 0; j < k; j++) g[i * k + j] = gram[order[i]! * k + order[j]!]! + (i === j ? damping : 0);
  // From the last block to the first: its columns of M, then what they explain is taken from what lies before.
  for (let end = k; end > 0; end -= BLOCK) {
    const start = Math.max(0, end - BLOCK);
    eliminate(g, k, start, end);
    if (start > 0) await takeAway(g, k, start, end, products);
  }
  for (let i = 0; i < k; i++) {
    g.fill(0, i * k, i * k + i);
    g[i * k + i] = 1;
  }
  return { order, factor: g };
}

/** Columns `[start, end)` of M in place of those of `g` above the diagonal, and D on it. */
function eliminate(g: Float32Array, k: number, start: number, end: number): void {
  const width = end - start;
  const panel = new Float32Array(end * width); // together in memory: g's columns lie far apart
  for (let i = 0; i < end; i++) panel.set(g.subarray(i * k + start, i * k + end), i * width);
  for (let c = width - 1; c >= 0; c--) {
    const d = Math.max(panel[(start + c) * width + c]!, Number.MIN_VALUE);
    for (let i = 0; i < start + c; i++) panel[i * width + c] = panel[i * width + c]! / d;
    for (let i = 0; i < start + c; i++) {
      const explained = panel[i * width + c]! * d;
      for (let j = Math.max(0, i - start); j < c; j++)
        panel[i * width + j] = panel[i * width + j]! - explained * panel[(start + j) * width + c]!;
    }
  }
  for (let i = 0; i < end; i++) g.set(panel.subarray(i * width, (i + 1) * width), i * k + start);
}

/** `g[0..start, 0..start] -= M_block D_block M_block'` */
async function takeAway(g: Float32Array, k: number, start: number, end: number, products: Products): Promise<void> {
  const width = end - start;
  const left = new Float32Array(start * width);
  const right = new Float32Array(width * start);
  for (let i = 0; i < start; i++) {
    for (let c = 0; c < width; c++) {
      const value = g[i * k + start + c]!;
      left[i * width + c] = value;
      right[c * start + i] = value * g[(start + c) * k + start + c]!;
    }
  }
  const explained = await products.times(left, right, start, width, start);
  for (let i = 0; i < start; i++)
    for (let j = 0; j < start; j++) g[i * k + j] = g[i * k + j]! - explained[i * start + j]!;
}

/** Rounds `values [K, N]` into `out`, with `scales [K / group, N]` as given. */
export async function compensateInto(
  out: Int4Matrix,
  values: Float32Array,
  scales: Float32Array,
  { k, n, group }: { k: number; n: number; group: number },
  { order, factor }: Feedback,
  products: Products,
): Promise<void> {
  // [k, start of the block]: what the errors before a block add to it, as the left side of one product
  const blocks = blockFactors(factor, k);
  for (let column = 0; column < n; column += TILE) {
    const width = Math.min(TILE, n - column);
    const lost = new Float32Array(k * width); // errors, in the order of rounding
    const codes = new Int8Array(width);
    for (const { start, end, before } of blocks) {
      const carried =
        start === 0
          ? new Float32Array((end - start) * width)
          : await products.times(before, lost.subarray(0, start * width), end - start, start, width);
      for (let place = start; place < end; place++) {
        const input = order[place]!;
        const row = carried.subarray((place - start) * width, (place - start + 1) * width);
        for (let j = start; j < place; j++) {
          const m = factor[j * k + place]!;
          for (let c = 0, at = j * width; c < width; c++, at++) row[c] = row[c]! + m * lost[at]!;
        }
        const scaleRow = Math.floor(input / group) * n + column;
        for (let c = 0, at = input * n + column; c < width; c++, at++) {
          const scale = scales[scaleRow + c]!;
          const code = codeOf(values[at]! + row[c]!, scale > 0 ? 1 / scale : 0);
          codes[c] = code;
          lost[place * width + c] = values[at]! - code * scale;
        }
        packRow(out.codes, input * n + column, codes);
      }
    }
  }
  putScales(out.scales, n, 0, scales, n);
}

function blockFactors(factor: Float32Array, k: number): { start: number; end: number; before: Float32Array }[] {
  return Array.from({ length: Math.ceil(k / BLOCK) }, (_, b) => {
    const start = b * BLOCK;
    const end = Math.min(k, start + BLOCK);
    const before = new Float32Array((end - start) * start); // [end - start, start]
    for (let c = start; c < end; c++)
      for (let j = 0; j < start; j++) before[(c - start) * start + j] = factor[j * k + c]!;
    return { start, end, before };
  });
}
