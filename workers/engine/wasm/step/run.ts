/** A few tokens through the decoder, as each thread runs it: everything between two meetings is split by columns or heads. */
import { PhiError } from '../../../shared/errors.ts';
import { CODE_OFFSET_16, type StepKernels } from './kernels.ts';
import {
  CONTROL,
  DIGITS,
  MOST_THREADS,
  MOST_TOKENS,
  STRIP,
  SUM_BYTES,
  type StepMatrix,
  type StepPlan,
} from './plan.ts';

const FLOAT = 4;
/** Columns that are split between threads: a line of the processor's cache. */
const LINE = 64;
/** Rows of a strip that all tokens are multiplied with in turn: they stay in the processor's first cache. */
const ROWS = 32;
/** Looks of a waiting thread before it sleeps: some 20 us. */
const LOOKS = 20_000;
/** A thread that has not come after this time never will. */
const PATIENCE_MS = 30_000;
/** See int8-products.ts. */
const unitOf = (width: number) => Math.sqrt(width) / 127;

export class StepThread {
  readonly #kernels: StepKernels;
  readonly #plan: StepPlan;
  readonly #index: number;
  readonly #control: Int32Array;
  readonly #input: Float32Array;
  readonly #hidden: Float32Array;
  #threads = 1;
  /** Tokens of this step. */
  #count = 1;

  /** `control`: the arena's first words. */
  constructor(kernels: StepKernels, plan: StepPlan, index: number, control: Int32Array) {
    this.#kernels = kernels;
    this.#plan = plan;
    this.#index = index;
    this.#control = control;
    const { hidden } = plan.shape;
    this.#input = new Float32Array(control.buffer, plan.input, MOST_TOKENS * hidden);
    this.#hidden = new Float32Array(control.buffer, plan.threads[index]!.hidden, MOST_TOKENS * hidden);
  }

  /**
   * Does this thread's part of what the control words ask for. Throws if another thread does not come.
   * @param word the word of work: see workWord
   */
  work(word: number): void {
    this.#threads = word & MOST_THREADS;
    if (this.#index >= this.#threads) return;
    if (this.#control[CONTROL.sums] === 1) this.#columnSums();
    else this.#step();
    this.#meet();
  }

  #meet(): void {
    if (this.#threads === 1) return;
    if (this.#kernels.meet(FLOAT * CONTROL.meeting, this.#threads, LOOKS, PATIENCE_MS) === 0)
      throw new PhiError('worker-died', `A thread of the decoder did not answer within ${PATIENCE_MS / 1000} s.`);
  }

  /** This thread's part of `count`, in whole lines of `line`. */
  #share(count: number, line: number): [from: number, to: number] {
    const lines = Math.ceil(count / line);
    const at = (index: number) => Math.min(count, Math.floor((lines * index) / this.#threads) * line);
    return [at(this.#index), this.#index + 1 === this.#threads ? count : at(this.#index + 1)];
  }

  #columnSums(): void {
    const { layers, head } = this.#plan;
    const matrices = layers.flatMap(({ qkv, output, gateUp, down }) => [qkv, output, gateUp, down]);
    for (const matrix of head ? [...matrices, head] : matrices)
      this.#strips(matrix, this.#share(matrix.columns, LINE), (panel, offset, start, count) => {
        const { sums } = this.#plan.threads[this.#index]!;
        const out = matrix.columnSums + FLOAT * start;
        this.#kernels.columnSums(panel.codes + offset, matrix.k, panel.columns, this.#plan.ones, sums, out, count);
      });
  }

  /** Calls `each` for strips of columns `[from, to)`: `offset` counts in the panel, `start` in the matrix. */
  #strips(
    matrix: StepMatrix,
    [from, to]: readonly [number, number],
    each: (panel: StepMatrix['panels'][number], offset: number, start: number, count: number) => void,
  ): void {
    for (const panel of matrix.panels) {
      const end = Math.min(to, panel.start + panel.columns);
      for (let start = Math.max(from, panel.start); start < end; start += STRIP)
        each(panel, start - panel.start, start, Math.min(STRIP, end - start));
    }
  }

  /** Columns `range` of the products of this thread's codes, `[units, columns]`: a row for each of the factors. */
  #product(matrix: StepMatrix, range: readonly [number, number], out: number, units: readonly number[]): void {
    const { k, columns, columnSums } = matrix;
    const { codes, sums } = this.#plan.threads[this.#index]!;
    const rows = units.length === 1 ? k : ROWS;
    const sumsOf = (token: number) => sums + SUM_BYTES * STRIP * token;
    this.#strips(matrix, range, (panel, offset, start, count) => {
      const kernels = this.#kernels;
      for (let t = 0; t < units.length; t++) kernels.begin(columnSums + FLOAT * start, sumsOf(t), count);
      for (let row = 0; row < k; row += rows) {
        const part = panel.codes + offset + row * panel.columns;
        for (let t = 0; t < units.length; t++)
          kernels.sweep(part, Math.min(rows, k - row), panel.columns, codes + DIGITS * (t * k + row), sumsOf(t), count);
      }
      for (let t = 0; t < units.length; t++)
        kernels.finish(panel.scales + FLOAT * offset, sumsOf(t), out + FLOAT * (t * columns + start), count, units[t]!);
    });
  }

  /** Codes of vectors `x` of `n` numbers, each divided by its root mean square; returns the factors of their products, times it if `rescaled`. */
  #encode(x: number, n: number, epsilon: number, { count = this.#count, rescaled = false } = {}): number[] {
    const unit = unitOf(n);
    const { codes } = this.#plan.threads[this.#index]!;
    return Array.from({ length: count }, (_, t) => {
      const vector = x + FLOAT * t * n;
      const inverse = Math.fround(1 / Math.sqrt(this.#kernels.sumSquares(vector, n) / n + epsilon));
      this.#kernels.encode(vector, n, codes + DIGITS * t * n, inverse, 256 / unit, CODE_OFFSET_16);
      return unit / 256 / (rescaled ? inverse : 1);
    });
  }

  #step(): void {
    const kernels = this.#kernels;
    const { shape, embedding, layers, head, update, logits, threads } = this.#plan;
    const { hidden: width, vocab, normEps } = shape;
    const { hidden } = threads[this.#index]!;
    const count = (this.#count = this.#control[CONTROL.count]!);
    if (embedding) {
      for (let t = 0; t < count; t++) {
        const id = this.#control[CONTROL.tokens + t]!;
        const to = hidden + FLOAT * t * width;
        kernels.embed(embedding.codes + id * width, embedding.scales + FLOAT * id, to, width);
      }
    } else this.#hidden.set(this.#input.subarray(0, count * width));
    const ownWidth = this.#share(width, LINE);
    for (const [l, layer] of layers.entries()) {
      this.#attention(l, layer.qkv);
      this.#add(layer.output, this.#plan.attended, ownWidth);
      kernels.addTo(hidden, update, count * width);
      this.#mlp(layer.gateUp);
      this.#add(layer.down, this.#plan.activated, ownWidth);
      kernels.addTo(hidden, update, count * width);
    }
    if (!head) return;
    const heads = this.#control[CONTROL.heads]!;
    const units = this.#encode(hidden + FLOAT * (count - heads) * width, width, normEps, { count: heads });
    this.#product(head, this.#share(vocab, LINE), logits, units);
  }

  /** A product that writes `update`: of what all threads have made. */
  #add(matrix: StepMatrix, x: number, own: readonly [number, number]): void {
    const units = this.#encode(x, matrix.k, 1e-30, { rescaled: true });
    this.#product(matrix, own, this.#plan.update, units);
    this.#meet();
  }

  #mlp(gateUp: StepMatrix): void {
    const { shape, threads, gateUp: out, activated } = this.#plan;
    const { hidden, intermediate, normEps } = shape;
    const units = this.#encode(threads[this.#index]!.hidden, hidden, normEps);
    const [from, to] = this.#share(intermediate, LINE);
    // A gate and its up belong to one thread.
    this.#product(gateUp, [from, to], out, units);
    this.#product(gateUp, [intermediate + from, intermediate + to], out, units);
    for (let t = 0; t < this.#count && to > from; t++) {
      const gate = out + FLOAT * (2 * t * intermediate + from);
      const activatedFrom = activated + FLOAT * (t * intermediate + from);
      this.#kernels.silu(gate, gate + FLOAT * intermediate, activatedFrom, to - from);
    }
    this.#meet();
  }

  #attention(layer: number, matrix: StepMatrix): void {
    const { shape, qkv, threads } = this.#plan;
    const { heads, hidden, normEps } = shape;
    const units = this.#encode(threads[this.#index]!.hidden, hidden, normEps);
    this.#product(matrix, this.#share(matrix.columns, LINE), qkv, units);
    this.#meet();
    const [from, to] = this.#share(heads, 1);
    for (let t = 0; t < this.#count && to > from; t++) this.#attend(layer, t, from, to);
    this.#meet();
  }

  /** Heads `[from, to)` of a token. Its key and value go into the cache, where the tokens behind it find them. */
  #attend(layer: number, token: number, from: number, to: number): void {
    const { shape, attended, threads, cos, sin, cache } = this.#plan;
    const { heads, kvHeads, headDim, rotaryDim, slidingWindow } = shape;
    const own = threads[this.#index]!;
    const past = this.#control[CONTROL.past]! + token;
    const slots = this.#control[CONTROL.slots]!;
    const half = rotaryDim / 2;
    const table = FLOAT * (this.#control[CONTROL.row]! + token) * half;
    const headBytes = FLOAT * headDim;
    const group = heads / kvHeads;
    const qkv = this.#plan.qkv + token * (heads + 2 * kvHeads) * headBytes;
    const queries = qkv + from * headBytes;
    this.#kernels.rope(queries, queries, to - from, headDim, half, cos + table, sin + table);
    // Threads that share a key head write the same numbers.
    const [firstKey, lastKey] = [Math.floor(from / group), Math.floor((to - 1) / group)];
    const keys = qkv + heads * headBytes;
    const values = keys + kvHeads * headBytes;
    const count = lastKey - firstKey + 1;
    this.#kernels.rope(keys + firstKey * headBytes, own.keys, count, headDim, half, cos + table, sin + table);
    const cacheHead = headBytes * slots;
    const layerKeys = cache + 2 * layer * kvHeads * cacheHead;
    const layerValues = layerKeys + kvHeads * cacheHead;
    for (let head = firstKey; head <= lastKey; head++) {
      const [key, value] = [own.keys + (head - firstKey) * headBytes, values + head * headBytes];
      const at = head * cacheHead;
      this.#kernels.keep(key, value, layerKeys + at, layerValues + at, past, slots, headDim);
    }
    const first = slidingWindow === null ? 0 : Math.max(0, past + 1 - slidingWindow);
    for (let head = from; head < to; head++) {
      const at = Math.floor(head / group) * cacheHead;
      const [query, out] = [qkv + head * headBytes, attended + (token * heads + head) * headBytes];
      this.#kernels.attend(query, layerKeys + at, layerValues + at, out, own.scores, first, past + 1, slots, headDim);
    }
  }
}
