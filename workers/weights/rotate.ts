/**
 * An orthogonal rotation of the residual stream (the offline half of QuaRot, arXiv 2404.00456). Transformers carry a few huge activations
 * in fixed channels; a row quantised to 8 bits then spends its range on them. A rotation spreads them over all channels. RMSNorm without its weight
 * commutes with it, so the norm weights and the rotation go into the matrices around, and the network computes the same at no cost.
 */
export interface Rotation {
  /** Replaces `values[offset .. offset + size)` by its product with R, as a row vector. */
  apply(values: Float32Array, offset: number): void;
}

/** R = DCT-II of the odd factor of `size`, Kronecker Hadamard of its power of two; both orthonormal. */
export function rotation(size: number): Rotation {
  let power = 1;
  while (size % (2 * power) === 0) power *= 2;
  const odd = size / power;
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
