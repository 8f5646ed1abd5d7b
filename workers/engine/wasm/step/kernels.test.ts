import { expect, it } from 'vitest';
import { seeded } from '../../../store/testing/random.ts';
import { CODE_OFFSET_16, stepKernels, stepModule } from './kernels.ts';

const memory = () => new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true });
const arena = memory();
const weights = memory();
const module = stepModule();
const WHY = `Node ${process.version} cannot run WebAssembly with two memories and relaxed SIMD, Node 22 can; browser tests decode with the kernels`;
const k = module ? stepKernels(module, arena, weights) : (null as never);
const test = (name: string, body: () => void): void =>
  it(name, ({ skip }) => {
    skip(!module, WHY);
    body();
  });
const random = seeded(11);
const floats = (at: number, count: number) => new Float32Array(arena.buffer, at, count);
/** Places for what a test puts in and takes out. */
const [X, Y, Z, OUT, SUMS, MORE] = [0, 16_384, 32_768, 65_536, 131_072, 196_608];

function fill(at: number, count: number, scale = 1): Float32Array {
  const values = floats(at, count);
  for (let i = 0; i < count; i++) values[i] = scale * (2 * random() - 1);
  return values;
}

const SIZE = { k: 24, n: 80, from: 16, cols: 48 };
const codes = new Int8Array(weights.buffer, 0, SIZE.k * SIZE.n).map(() => Math.round(254 * random()) - 127);
new Int8Array(weights.buffer).set(codes);
const scales = new Float32Array(weights.buffer, 32_768, SIZE.n).map(() => random());
new Float32Array(weights.buffer, 32_768).set(scales);

/** sum over k of weight * number(k), for a column of the part that is multiplied. */
const dot = (column: number, number: (k: number) => number) =>
  Array.from({ length: SIZE.k }, (_, i) => codes[i * SIZE.n + SIZE.from + column]! * number(i)).reduce((a, b) => a + b);

function columnSums(): void {
  const ones = new Uint8Array(arena.buffer, MORE, 3 * SIZE.k);
  ones.forEach((_, i) => (ones[i] = i % 12 < 8 ? 0 : 1));
  k.columnSums(SIZE.from, SIZE.k, SIZE.n, MORE, SUMS, Z, SIZE.cols);
}

test('adds up columns', () => {
  columnSums();
  const sums = new Int32Array(arena.buffer, Z, SIZE.cols);
  expect([...sums]).toEqual(Array.from({ length: SIZE.cols }, (_, column) => dot(column, () => 1)));
});

test('multiplies activations of 16 bits as whole numbers', () => {
  columnSums();
  const x = fill(X, SIZE.k, 3).slice();
  const [inverse, factor, unit] = [0.8, 9000, 0.01];
  k.encode(X, SIZE.k, Y, inverse, factor, CODE_OFFSET_16);
  k.begin(Z, SUMS, SIZE.cols);
  const rows = 8; // in two parts
  k.sweep(SIZE.from, rows, SIZE.n, Y, SUMS, SIZE.cols);
  k.sweep(SIZE.from + rows * SIZE.n, SIZE.k - rows, SIZE.n, Y + 3 * rows, SUMS, SIZE.cols);
  k.finish(32_768 + 4 * SIZE.from, SUMS, OUT, SIZE.cols, unit);
  const code = (i: number) =>
    Math.trunc(Math.fround(Math.fround(Math.fround(x[i]! * Math.fround(inverse)) * factor) + CODE_OFFSET_16));
  floats(OUT, SIZE.cols).forEach((value, column) => {
    const exact = dot(column, (i) => code(i) - 32_896) * scales[SIZE.from + column]! * unit;
    expect(value / exact).toBeCloseTo(1, 4);
  });
});

test('reads a row of the embedding, adds, sums squares and activates', () => {
  k.embed(SIZE.n, 32_768, OUT, 16);
  expect([...floats(OUT, 16)]).toEqual(
    Array.from(codes.subarray(SIZE.n, SIZE.n + 16), (code) => Math.fround(code * scales[0]!)),
  );
  const [x, y] = [fill(X, 32, 20).slice(), fill(Y, 32).slice()];
  expect(k.sumSquares(X, 32)).toBeCloseTo(
    x.reduce((sum, value) => sum + value * value, 0),
    2,
  );
  k.silu(X, Y, OUT, 32);
  floats(OUT, 32).forEach((value, i) => expect(value).toBeCloseTo((x[i]! / (1 + Math.exp(-x[i]!))) * y[i]!, 5));
  k.addTo(X, Y, 32);
  floats(X, 32).forEach((value, i) => expect(value).toBe(Math.fround(x[i]! + y[i]!)));
});

test('rotates the first part of each head', () => {
  const [heads, dim, half] = [2, 8, 3];
  const x = fill(X, heads * dim).slice();
  const [cos, sin] = [fill(Y, half), fill(Z, half)];
  k.rope(X, OUT, heads, dim, half, Y, Z);
  const out = floats(OUT, heads * dim);
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < half; i++) {
      const [a, b] = [x[head * dim + i]!, x[head * dim + half + i]!];
      expect(out[head * dim + i]).toBeCloseTo(a * cos[i]! - b * sin[i]!, 5);
      expect(out[head * dim + half + i]).toBeCloseTo(b * cos[i]! + a * sin[i]!, 5);
    }
    expect([...out.subarray(head * dim + 2 * half, (head + 1) * dim)]).toEqual([
      ...x.subarray(head * dim + 2 * half, (head + 1) * dim),
    ]);
  }
});

const PARTS = [
  [0, 1],
  [0, 16],
  [5, 21],
  [19, 40],
  [0, 33],
] as const;
for (const [from, to] of PARTS) test(`attends to slots ${from} to ${to}`, () => attends(from, to));

function attends(from: number, to: number): void {
  const [slots, dim] = [48, 32];
  const [q, keys, values] = [fill(X, dim).slice(), fill(Y, dim * slots), fill(Z, dim * slots)];
  const [key, value] = [fill(MORE, dim), fill(MORE + 1024, dim)];
  k.keep(MORE, MORE + 1024, Y, Z, to - 1, slots, dim);
  expect(keys[7 * slots + to - 1]).toBe(key[7]);
  expect(values[(to - 1) * dim + 7]).toBe(value[7]);
  k.attend(X, Y, Z, OUT, SUMS, from, to, slots, dim);
  const scores = Array.from({ length: to - from }, (_, s) =>
    Math.exp(q.reduce((sum, value, j) => sum + value * keys[j * slots + from + s]!, 0)),
  );
  const total = scores.reduce((a, b) => a + b);
  floats(OUT, dim).forEach((out, j) => {
    const exact = scores.reduce((sum, score, s) => sum + score * values[(from + s) * dim + j]!, 0) / total;
    expect(out).toBeCloseTo(exact, 5);
  });
}

test('passes a meeting of one thread, and gives up on others that do not come', () => {
  new Int32Array(arena.buffer, SUMS, 2).fill(0);
  expect(k.meet(SUMS, 1, 10, 1)).toBe(1);
  expect(k.meet(SUMS, 2, 10, 1)).toBe(0);
});
