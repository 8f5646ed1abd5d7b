/** The norm for NPUs stays within float16 at every step, whatever the size of its input, and is the norm. */
import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import { TINY_SIZE, tinyPhi } from '../choose/tiny-phi.ts';
import { uniforms } from '../generate/random.ts';
import { Graph, type Attribute, type Value } from '../graph/onnx.ts';
import { npuNorm } from './norm.ts';

ort.env.wasm.numThreads = 1;
const LARGEST_HALF = 65_504;
const SMALLEST_NORMAL_HALF = 2 ** -14;

/** Makes every value of the network an output. */
class OpenGraph extends Graph {
  override op(type: string, inputs: Value[], attributes: Record<string, Attribute> = {}): Value {
    const value = super.op(type, inputs, attributes);
    this.output(value, 'float32', null);
    return value;
  }
}

async function normed(row: Float32Array): Promise<{ result: Float32Array; steps: Float32Array[] }> {
  const g = new OpenGraph('norm');
  const { config } = tinyPhi({ ...TINY_SIZE, hidden: row.length, layers: 0 });
  const x = g.input('x', 'float32', [1, row.length]);
  const weight = g.tensor('weight', 'float32', [row.length], new Float32Array(row.length).fill(1));
  const last = npuNorm(g, x, weight, config);
  const session = await ort.InferenceSession.create(g.toModel(), { graphOptimizationLevel: 'disabled' });
  const out = await session.run({ x: new ort.Tensor('float32', row, [1, row.length]) });
  const steps = Object.values(out).map(({ data }) => data as Float32Array);
  return { result: out[last]!.data as Float32Array, steps };
}

function exact(row: Float32Array): Float64Array {
  const square = row.reduce((sum, value) => sum + value * value, 0) / row.length;
  return Float64Array.from(row, (value) => value / Math.sqrt(square + 1e-5));
}

describe('the norm for NPUs', () => {
  const random = uniforms(7);
  const noise = (size: number, length: number) => Float32Array.from({ length }, () => (random() - 0.5) * size);
  const outlier = noise(20, 576);
  outlier[3] = 30_000; // as in the starter's residual stream
  const alone = new Float32Array(3072);
  alone[5] = 60_000;
  it.each([
    ['embeddings', noise(0.05, 576), 0.01],
    ['ordinary values', noise(4, 3072), 0.001],
    ['an outlier of 30,000', outlier, 0.001],
    ['nothing but an outlier', alone, 0.02],
    ['large values throughout', noise(8000, 3072), 0.001],
  ] as const)('%s', { timeout: 120_000 }, async (_, row, tolerance) => {
    const { result, steps } = await normed(row);
    const wanted = exact(row);
    const largest = Math.max(...wanted.map(Math.abs));
    const errors = wanted.map((value, i) => Math.abs(result[i]! - value));
    expect(Math.max(...errors)).toBeLessThan(tolerance * largest);
    for (const values of steps) expect(Math.max(...values.map(Math.abs))).toBeLessThan(LARGEST_HALF);
    // The mean square is what the root is drawn of: it must not be lost among float16's subnormal numbers.
    const means = steps.filter((values) => values.length === 1).map(([value]) => value!);
    expect(Math.min(...means)).toBeGreaterThan(SMALLEST_NORMAL_HALF / 16);
  });
});
