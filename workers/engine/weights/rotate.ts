/**
 * An orthogonal rotation of the residual stream (the offline half of QuaRot, arXiv 2404.00456). Transformers carry a few huge activations
 * in fixed channels; a row quantised to 8 bits then spends its range on them. A rotation spreads them over all channels. RMSNorm without its weight
 * commutes with it, so the norm weights and the rotation go into the matrices around, and the network computes the same at no cost.
 */
export interface Rotation {
  /** Replaces `values[offset + from .. offset + to)` by its product with R, as a row vector. Every step is rounded to float32, as SIMD does it. */
  apply(values: Float32Array, offset: number): void;
  /** The rotated part of a vector: blocks of `power` times all `primes` values. */
  readonly from: number;
  readonly to: number;
  /** Power of two. */
  readonly power: number;
  readonly primes: readonly number[];
  /** Values whose mean is taken away first. */
  readonly centred?: number;
}

/** Factor of the Hadamard transform that keeps lengths. */
export const hadamardScale = (power: number): number => Math.fround(1 / Math.sqrt(power));

/** The same rotation for every block of `size` values in `[from, to)`; the rest is left alone. For heads. */
export function blockRotation(size: number, from: number, to: number): Rotation {
  const block = rotation(size);
  return {
    ...block,
    from,
    to,
    apply(values, offset) {
      for (let at = from; at < to; at += size) block.apply(values, offset + at);
    },
  };
}

/**
 * `inner` behind a projection that takes the mean of `size` values away. Folded into everything that writes the residual stream, it leaves a stream whose mean is zero: its
 * LayerNorm is RMSNorm, which a rotation commutes with (SliceGPT, arXiv 2401.15024).
 */
export function centred(inner: Rotation, size: number): Rotation {
  return {
    ...inner,
    centred: size,
    apply(values, offset) {
      centre(values, offset, size);
      inner.apply(values, offset);
    },
  };
}

/** Takes the mean of `size` values away. */
export function centre(values: Float32Array, offset: number, size: number): void {
  let sum = 0;
  for (let i = offset; i < offset + size; i++) sum += values[i]!;
  const mean = sum / size;
  for (let i = offset; i < offset + size; i++) values[i] = values[i]! - mean;
}

/** `size` as a power of two times odd primes. */
function split(size: number): { power: number; primes: number[] } {
  let power = 1;
  while (size % (2 * power) === 0) power *= 2;
  const primes: number[] = [];
  for (let rest = size / power, p = 3; rest > 1; p += 2) {
    for (; rest % p === 0; rest /= p) primes.push(p);
  }
  return { power, primes };
}

/**
 * R = the orthonormal Hadamard matrix of the power of two in `size`, Kronecker a reflection I - (2 / p) 11' for each odd prime p: cheap, and
 * 1/3, -2/3, -2/3 for the 3 that most models have. R is symmetric, hence its own inverse.
 */
export function rotation(size: number): Rotation {
  const { power, primes } = split(size);
  const scale = hadamardScale(power);
  return {
    from: 0,
    to: size,
    power,
    primes,
    apply(values, offset) {
      for (let at = offset; at < offset + size; at += power) hadamard(values, at, power);
      let stride = power;
      for (const p of primes) {
        reflect(values, offset, size, p, stride);
        stride *= p;
      }
      for (let i = offset; i < offset + size; i++) values[i] = values[i]! * scale;
    },
  };
}

/** x - (2 / p) sum(x) over every `p` values that lie `stride` apart. */
function reflect(values: Float32Array, offset: number, size: number, p: number, stride: number): void {
  const factor = Math.fround(2 / p);
  for (let block = offset; block < offset + size; block += p * stride) {
    for (let first = block; first < block + stride; first++) {
      let sum = 0;
      for (let k = 0, i = first; k < p; k++, i += stride) sum = Math.fround(sum + values[i]!);
      sum = Math.fround(sum * factor);
      for (let k = 0, i = first; k < p; k++, i += stride) values[i] = values[i]! - sum;
    }
  }
}

/** Walsh-Hadamard transform of `size` values in place, unscaled: two butterfly levels at a time, which halves the trips through memory. */
function hadamard(values: Float32Array, offset: number, size: number): void {
  const end = offset + size;
  let half = 1;
  if (Math.log2(size) % 2 === 1) {
    for (let i = offset; i < end; i += 2) {
      const a = values[i]!;
      const b = values[i + 1]!;
      values[i] = a + b;
      values[i + 1] = a - b;
    }
    half = 2;
  }
  for (; half < size; half *= 4) {
    for (let start = offset; start < end; start += 4 * half) {
      for (let i = start; i < start + half; i++) {
        const a = values[i]!;
        const b = values[i + half]!;
        const c = values[i + 2 * half]!;
        const d = values[i + 3 * half]!;
        const sum = Math.fround(a + b);
        const difference = Math.fround(a - b);
        const sum2 = Math.fround(c + d);
        const difference2 = Math.fround(c - d);
        values[i] = sum + sum2;
        values[i + half] = difference + difference2;
        values[i + 2 * half] = sum - sum2;
        values[i + 3 * half] = difference - difference2;
      }
    }
  }
}
