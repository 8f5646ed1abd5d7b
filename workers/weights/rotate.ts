/**
 * An orthogonal rotation of the residual stream (the offline half of QuaRot, arXiv 2404.00456). Transformers carry a few huge activations
 * in fixed channels; a row quantised to 8 bits then spends its range on them. A rotation spreads them over all channels. RMSNorm without its weight
 * commutes with it, so the norm weights and the rotation go into the matrices around, and the network computes the same at no cost.
 */
export interface Rotation {
  /** Replaces `values[offset .. offset + size)` by its product with R, as a row vector. */
  apply(values: Float32Array, offset: number): void;
}

/** The same rotation for every block of `size` values in `[from, to)`; the rest is left alone. For heads. */
export function blockRotation(size: number, from: number, to: number): Rotation {
  const block = rotation(size);
  return {
    apply(values, offset) {
      for (let at = from; at < to; at += size) block.apply(values, offset + at);
    },
  };
}

/**
 * The rotation as two small matrices, for activations: a row of `size` values taken as X `[outer, inner]` becomes left . X . right.
 * Costs size * (outer + inner) multiplications.
 */
export function rotationFactors(size: number): { outer: number; inner: number; left: Float32Array; right: Float32Array } {
  const { power, odd } = split(size);
  const inner = Math.min(power, 64);
  const outer = size / inner;
  const left = new Float32Array(outer * outer);
  const whole = outer / odd; // Hadamard part of the outer factor
  const mix = dct(odd);
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < outer; j++) {
      // R's outer factor is A[j, i]; `left` is its transpose
      left[i * outer + j] = mix[Math.floor(j / whole) * odd + Math.floor(i / whole)]! * hadamardEntry(i % whole, j % whole, whole);
    }
  }
  const right = Float32Array.from({ length: inner * inner }, (_, at) => hadamardEntry(Math.floor(at / inner), at % inner, inner));
  return { outer, inner, left, right };
}

/** Entry (i, j) of the orthonormal Hadamard matrix of Sylvester's construction. */
function hadamardEntry(i: number, j: number, size: number): number {
  let bits = i & j;
  let sign = 1;
  for (; bits; bits &= bits - 1) sign = -sign;
  return sign / Math.sqrt(size);
}

function split(size: number): { power: number; odd: number } {
  let power = 1;
  while (size % (2 * power) === 0) power *= 2;
  return { power, odd: size / power };
}

/** R = DCT-II of the odd factor of `size`, Kronecker Hadamard of its power of two; both orthonormal. */
export function rotation(size: number): Rotation {
  const { power, odd } = split(size);
  const mix = dct(odd);
  const column = new Float32Array(odd);
  const scale = 1 / Math.sqrt(power);
  return {
    apply(values, offset) {
      for (let block = 0; block < odd; block++) hadamard(values, offset + block * power, power, scale);
      if (odd === 1) return;
      for (let i = 0; i < power; i++) {
        for (let b = 0; b < odd; b++) column[b] = values[offset + b * power + i]!;
        for (let b = 0; b < odd; b++) {
          let sum = 0;
          for (let j = 0; j < odd; j++) sum += column[j]! * mix[j * odd + b]!;
          values[offset + b * power + i] = sum;
        }
      }
    },
  };
}

/** Fast Walsh-Hadamard transform in place, scaled. */
function hadamard(values: Float32Array, offset: number, size: number, scale: number): void {
  for (let half = 1; half < size; half *= 2) {
    for (let start = offset; start < offset + size; start += 2 * half) {
      for (let i = start; i < start + half; i++) {
        const a = values[i]!;
        const b = values[i + half]!;
        values[i] = a + b;
        values[i + half] = a - b;
      }
    }
  }
  for (let i = offset; i < offset + size; i++) values[i] = values[i]! * scale;
}

/** Orthonormal DCT-II matrix `[n, n]`. */
function dct(n: number): Float32Array {
  const out = new Float32Array(n * n);
  for (let k = 0; k < n; k++) {
    const norm = Math.sqrt((k === 0 ? 1 : 2) / n);
    for (let i = 0; i < n; i++) out[k * n + i] = norm * Math.cos((Math.PI * (i + 0.5) * k) / n);
  }
  return out;
}
