import { expect, it } from 'vitest';
import { lastLogits, loadDense, type DenseModel } from '../checkpoint/testing/forward.ts';
import { tinyPhi } from '../choose/tiny-phi.ts';
import { Calibration } from './calibration.ts';
import { plainProducts } from './products.ts';

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

it('sums the products of what goes into a matrix, as the reference network computes it', async () => {
  const checkpoint = tinyPhi();
  const { hidden, intermediate, heads, headDim } = checkpoint.config;
  const model = await loadDense(checkpoint);
  const calibration = new Calibration(checkpoint, TEXTS, plainProducts);
  for (const l of [0, 1]) {
    const expected = new Float64Array(hidden * hidden);
    for (const text of TEXTS) {
      for (let end = 1; end <= text.length; end++) {
        const x = normedBefore(model, l, text.slice(0, end));
        for (let i = 0; i < hidden; i++) for (let j = 0; j < hidden; j++) expected[i * hidden + j]! += x[i]! * x[j]!;
      }
    }
    const found = await calibration.gram(l, 'qkv');
    let worst = 0;
    expected.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - found[i]!))));
    expect(worst, `layer ${l}`).toBeLessThan(1e-2); // of about 10
  }
  expect(await calibration.gram(1, 'output')).toHaveLength((heads * headDim) ** 2);
  expect(await calibration.gram(1, 'down')).toHaveLength(intermediate ** 2);
  await expect(calibration.gram(0, 'qkv')).rejects.toThrow('Layer 0 was requested after layer 1');
});
