import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import { Graph, type Value } from '../graph/onnx.ts';
import { linear } from './linear.ts';
import type { WebnnMatrix } from './weights.ts';

ort.env.wasm.numThreads = 1;

const LARGEST_FLOAT16 = 65_504;
const COLS = 64;
const MATRIX: WebnnMatrix = {
  rows: 2,
  cols: COLS,
  blocks: null,
  group: null,
  byRow: true,
  mins: false,
  pieces: ['m'],
  columns: [COLS],
};

/** Result of the matrix for one token, and every value of a product on the way to it. */
async function run(scales: 'before' | 'after', x: Float32Array): Promise<{ result: number[]; products: number[] }> {
  const g = new Graph('linear');
  g.input('x', 'float32', [1, COLS]);
  g.tensor(
    'm.codes',
    'int8',
    [2, COLS],
    Int8Array.from({ length: 2 * COLS }, (_, i) => (i % 2 === 0 ? 127 : 126)),
  );
  g.tensor('m.scales', 'float32', [2], Float32Array.of(0.001, 0.004));
  const products: Value[] = [];
  const op = g.op.bind(g);
  g.op = (type, inputs, attributes) => {
    const value = op(type, inputs, attributes);
    if (type === 'Gemm') products.push(value);
    return value;
  };
  g.output(g.rename(linear(g, 'x', MATRIX, { form: 'int8' }, scales), 'y'), 'float32', [1, 2]);
  for (const name of products) g.output(name, 'float32', [1, 2]);
  const session = await ort.InferenceSession.create(g.toModel());
  const results = await session.run({ x: new ort.Tensor('float32', x, [1, COLS]) });
  await session.release();
  const values = (name: string) => Array.from(results[name]!.data as Float32Array);
  return { result: values('y'), products: products.flatMap(values) };
}

describe('int8 with scales behind the product', () => {
  it('stays within float16 where activations are as large as those of the starter', async () => {
    const x = Float32Array.from({ length: COLS }, (_, i) => (i === 7 ? 30_000 : 1));
    const { result } = await run('before', x);
    const after = await run('after', x);
    expect(after.products).toHaveLength(2);
    for (const product of after.products) expect(Math.abs(product)).toBeLessThan(LARGEST_FLOAT16);
    after.result.forEach((value, i) => expect(value / result[i]!).toBeCloseTo(1, 5));
  });
});
