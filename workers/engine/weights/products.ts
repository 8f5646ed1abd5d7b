/** Matrix products that making weights is mostly spent on. In a browser ONNX Runtime does them; see runtime/ort-products.ts. */
export interface Products {
  /** `a [m, k]` times `b [k, n]`: `[m, n]` */
  times(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Promise<Float32Array>;
}

/** In plain loops, for tests and small matrices. */
export const plainProducts: Products = {
  times(a, b, m, k, n) {
    const out = new Float32Array(m * n);
    for (let row = 0; row < m; row++) {
      const to = out.subarray(row * n, (row + 1) * n);
      for (let i = 0; i < k; i++) {
        const factor = a[row * k + i]!;
        if (factor === 0) continue;
        for (let c = 0, at = i * n; c < n; c++, at++) to[c] = to[c]! + factor * b[at]!;
      }
    }
    return Promise.resolve(out);
  },
};

/** `[rows, cols]` -> `[cols, rows]` */
export function transposed(values: Float32Array, rows: number, cols: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let c = 0; c < cols; c++) for (let r = 0; r < rows; r++) out[c * rows + r] = values[r * cols + c]!;
  return out;
}
