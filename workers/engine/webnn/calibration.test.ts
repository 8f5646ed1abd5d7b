import { expect, it } from 'vitest';
import { lastLogits, loadDense, type DenseModel } from '../checkpoint/testing/forward.ts';
import { tinyPhi } from '../choose/tiny-phi.ts';
import { Calibration, type LayerMatrix } from './calibration.ts';
import { plainProducts, transposed } from '../weights/products.ts';
import { rotation, type Rotation } from '../weights/rotate.ts';

const TEXTS = [
  [5, 9, 200, 31, 7, 7, 90],
  [1, 2, 3],
];

/** What the norm in front of layer `l` gives at the end of `ids`, by the reference network cut there: its head hands it through. */
function normedBefore(model: DenseModel, l: number, ids: number[]): Float32Array {
  const { hidden } = model.config;
  const head = new Float32Array(hidden * hidden);
  for (let i = 0; i < hidden; i++) head[i * hidden + i] = 1;
  const cut = { ...model.config, layers: l };
  return lastLogits(
    { ...model, config: cut, layers: model.layers.slice(0, l), norm: new Float32Array(hidden).fill(1), head },
    ids,
  ).slice(-hidden); // without layers the reference gives all positions
}

/** A layer's matrices `[K, N]`, norms folded in, the residual stream rotated by `residual`. */
function folded({ layers, config }: DenseModel, l: number, residual: Rotation): Record<LayerMatrix, Float32Array> {
  const { attentionNorm, mlpNorm, qkv, output, gateUp, down } = layers[l]!;
  const { hidden } = config;
  const reads = (weights: Float32Array, norm: Float32Array) => {
    const rows = weights.map((value, i) => value * norm[i % hidden]!); // [N, K]
    for (let at = 0; at < rows.length; at += hidden) residual.apply(rows, at);
    return transposed(rows, rows.length / hidden, hidden);
  };
  const writes = (weights: Float32Array) => {
    const columns = transposed(weights, hidden, weights.length / hidden); // [K, N]
    for (let at = 0; at < columns.length; at += hidden) residual.apply(columns, at);
    return columns;
  };
  return {
    qkv: reads(qkv, attentionNorm),
    output: writes(output),
    gateUp: reads(gateUp, mlpNorm),
    down: writes(down),
  };
}

it('sums the products of what goes into a matrix, as the reference network computes it, rotated', async () => {
  const checkpoint = tinyPhi();
  const { hidden, intermediate, heads, headDim } = checkpoint.config;
  const model = await loadDense(checkpoint);
  const residual = rotation(hidden);
  const calibration = new Calibration(checkpoint, () => TEXTS, plainProducts);
  calibration.begin(residual);
  const sizes = { qkv: hidden, output: heads * headDim, gateUp: hidden, down: intermediate };
  for (const l of [0, 1]) {
    const expected = new Float64Array(hidden * hidden);
    for (const text of TEXTS) {
      for (let end = 1; end <= text.length; end++) {
        const x = normedBefore(model, l, text.slice(0, end));
        residual.apply(x, 0);
        for (let i = 0; i < hidden; i++) for (let j = 0; j < hidden; j++) expected[i * hidden + j]! += x[i]! * x[j]!;
      }
    }
    const found = await calibration.gram(l, 'qkv');
    let worst = 0;
    expected.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - found[i]!))));
    expect(worst, `layer ${l}`).toBeLessThan(1e-2); // of about 10
    for (const [part, weights] of Object.entries(folded(model, l, residual)) as [LayerMatrix, Float32Array][]) {
      expect(await calibration.gram(l, part)).toHaveLength(sizes[part] ** 2);
      await calibration.put(l, part, weights);
    }
  }
});

it('takes matrices in their order alone, and begins anew when it is asked to', async () => {
  const checkpoint = tinyPhi();
  const calibration = new Calibration(checkpoint, () => TEXTS, plainProducts);
  calibration.begin(null);
  await expect(calibration.gram(0, 'output')).rejects.toThrow(
    'layer 0, output was requested, but layer 0, qkv is next',
  );
  const before = await calibration.gram(0, 'qkv');
  const { qkv } = folded(await loadDense(checkpoint), 0, rotation(checkpoint.config.hidden));
  await calibration.put(0, 'qkv', qkv);
  await expect(calibration.gram(0, 'qkv')).rejects.toThrow('layer 0, output is next');
  calibration.begin(null);
  expect(await calibration.gram(0, 'qkv')).toEqual(before);
});
