/**
 * Matrices stored the other way round, `[K inputs, N outputs]`, as MatMul takes them: read in stripes of output features, which are turned
 * in memory. A stripe is kept, because callers go through a matrix from top to bottom in smaller steps.
 */
import type { BlockRows } from '../weights/rows.ts';
import { codeBits, readCodes, readFloats, type StoredTensor } from './tensor.ts';
import type { Matrix } from '../weights/matrix.ts';

/** Elements of a stripe: 32 MB of float32. */
const STRIPE_ELEMENTS = 8 << 20;
/** Up to this many stripes, whole rows are read for each and cut; beyond, a read for each row's run costs less. */
const STRIPES_OF_WHOLE_ROWS = 16;
/** Elements read at once. */
const READ_ELEMENTS = 2 << 20;

type Read<A> = (tensor: StoredTensor, start: number, count: number) => Promise<A>;

/** Columns `[start, start + count)` of `tensor [k, n]` as rows `[count, k]`. */
async function readColumns<A extends Float32Array | Uint8Array>(
  tensor: StoredTensor,
  k: number,
  n: number,
  start: number,
  count: number,
  read: Read<A>,
  out: A,
): Promise<A> {
  const place = (values: A, width: number, from: number, row: number, rows: number) => {
    for (let r = 0; r < rows; r++)
      for (let c = 0, at = r * width + from, to = row + r; c < count; c++, at++, to += k) out[to] = values[at]!;
  };
  if (n <= count * STRIPES_OF_WHOLE_ROWS) {
    const step = Math.max(1, Math.floor(READ_ELEMENTS / n));
    for (let row = 0; row < k; row += step) {
      const rows = Math.min(step, k - row);
      place(await read(tensor, row * n, rows * n), n, start, row, rows);
    }
  } else {
    for (let row = 0; row < k; row++) place(await read(tensor, row * n + start, count), count, 0, row, 1);
  }
  return out;
}

/** Serves rows from a kept stripe. `load` reads rows `[start, start + count)`; `cut` takes some of a stripe's. */
function striped<S>(
  rows: number,
  cols: number,
  load: (start: number, count: number) => Promise<S>,
  cut: (stripe: S, from: number, count: number) => S,
): (start: number, count: number) => Promise<S> {
  const stripeRows = Math.max(64, Math.floor(STRIPE_ELEMENTS / cols));
  let kept: { start: number; count: number; stripe: S } | null = null;
  return async (start, count) => {
    if (kept && start >= kept.start && start + count <= kept.start + kept.count)
      return cut(kept.stripe, start - kept.start, count);
    const wanted = Math.min(Math.max(stripeRows, count), rows - start);
    const stripe = await load(start, wanted);
    kept = { start, count: wanted, stripe };
    const result = cut(stripe, 0, count);
    // The last rows were read, so the stripe is not needed again.
    if (start + count === rows) kept = null;
    return result;
  };
}

/** `tensor [K, N]` of floats as a matrix of N rows. */
export function transposedFloats(tensor: StoredTensor, k: number, n: number): Matrix {
  const read = striped(
    n,
    k,
    (start, count) => readColumns(tensor, k, n, start, count, readFloats, new Float32Array(count * k)),
    (stripe, from, count) => stripe.slice(from * k, (from + count) * k),
  );
  return {
    name: tensor.name,
    rows: n,
    cols: k,
    type: tensor.dtype.toUpperCase(),
    form: { kind: 'float', bits: tensor.dtype === 'f32' ? 32 : 16 },
    read: async (start, count) => ({ kind: 'float', rows: count, cols: k, values: await read(start, count) }),
  };
}

export interface TransposedAffine {
  name: string;
  k: number;
  n: number;
  /** Along K; divides it. K itself: one scale for each output. */
  block: number;
  /** `[K, N]` */
  codes: StoredTensor;
  /** `[K / block, N]` */
  scales: StoredTensor;
  /** Zero points `[K / block, N]` in the codes' type, or one unsigned code for all. */
  zeros: StoredTensor | number;
}

/** Quantised weights `[K, N]` with scales along K as a matrix of N rows. */
export function transposedAffine({ name, k, n, block, codes, scales, zeros }: TransposedAffine): Matrix {
  const bits = codeBits(codes.dtype)!;
  const half = bits === 4 ? 8 : 128;
  const blocks = k / block;
  const symmetric = zeros === half;
  const load = async (start: number, count: number): Promise<BlockRows> => {
    const scale = await readColumns(scales, blocks, n, start, count, readFloats, new Float32Array(count * blocks));
    const zero =
      typeof zeros === 'number'
        ? null
        : await readColumns(zeros, blocks, n, start, count, readCodes, new Uint8Array(count * blocks));
    const mins = symmetric ? null : scale.map((s, i) => s * (half - (zero ? zero[i]! : (zeros as number))));
    return {
      kind: 'blocks',
      rows: count,
      cols: k,
      bits,
      block,
      codes: await readColumns(codes, k, n, start, count, readCodes, new Uint8Array(count * k)),
      scales: scale,
      mins,
    };
  };
  const cut = (stripe: BlockRows, from: number, count: number): BlockRows => ({
    ...stripe,
    rows: count,
    codes: stripe.codes.slice(from * k, (from + count) * k),
    scales: stripe.scales.slice(from * blocks, (from + count) * blocks),
    mins: stripe.mins && stripe.mins.slice(from * blocks, (from + count) * blocks),
  });
  return {
    name,
    rows: n,
    cols: k,
    type: `int${bits} ${blocks === 1 ? 'per channel' : `block ${block}`}`,
    form: { kind: 'blocks', bits, block, symmetric, integral: true },
    read: striped(n, k, load, cut),
  };
}
