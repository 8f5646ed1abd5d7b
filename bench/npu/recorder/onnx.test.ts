import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import { onnxOf } from './onnx.ts';
import type { Argument, RecordedCall, Recording } from './recording.ts';

ort.env.wasm.numThreads = 1;

const base64 = (values: ArrayBufferView) => ({
  base64: Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64'),
});

/** Calls on values that are numbered in the order in which they are made. */
class Calls {
  readonly calls: RecordedCall[] = [];
  #count = 0;

  add(method: string, args: Argument[], shape: number[], dataType: 'float32' | 'int8' | 'int32' = 'float32'): Argument {
    const id = this.#count++;
    this.calls.push({ method, args, made: [{ id, dataType, shape }] });
    return { operand: id };
  }

  input(name: string, shape: number[]): Argument {
    return this.add('input', [name, { dataType: 'float32', shape }], shape);
  }

  constant(values: Float32Array | Int8Array | Int32Array, shape: number[]): Argument {
    const dataType = values instanceof Int8Array ? 'int8' : values instanceof Int32Array ? 'int32' : 'float32';
    return this.add('constant', [{ dataType, shape }, base64(values)], shape, dataType);
  }

  ending(output: Argument): Recording {
    return { calls: this.calls, outputs: { y: (output as { operand: number }).operand } };
  }
}

async function run(recording: Recording, x: number[], shape: number[]): Promise<{ values: number[]; dims: number[] }> {
  const session = await ort.InferenceSession.create(onnxOf(recording));
  const y = (await session.run({ x: new ort.Tensor('float32', Float32Array.from(x), shape) }))['y']!;
  await session.release();
  return { values: Array.from(y.data as Float32Array), dims: [...y.dims] };
}

describe('recorded calls as ONNX', () => {
  it('multiplies by int8 codes with a scale for each row, as a browser describes them', async () => {
    const b = new Calls();
    const x = b.input('x', [1, 2]);
    const codes = b.constant(Int8Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
    const scales = b.constant(Float32Array.of(1, 10, 100), [3, 1]);
    const zeros = b.constant(new Int8Array(3), [3, 1]);
    const weights = b.add('dequantizeLinear', [codes, scales, zeros, { label: '' }], [3, 2]);
    const y = b.add('gemm', [x, weights, { bTranspose: true, alpha: 1 }], [1, 3]);
    expect(await run(b.ending(y), [1, 2], [1, 2])).toEqual({ values: [5, 110, 1700], dims: [1, 3] });
  });

  it('takes parts, turns and joins them', async () => {
    const b = new Calls();
    const x = b.input('x', [2, 3]);
    const part = b.add('slice', [x, [0, 1], [2, 2]], [2, 2]);
    const turned = b.add('transpose', [part, { permutation: [1, 0] }], [2, 2]);
    const joined = b.add('concat', [[part, turned], 1], [2, 4]);
    const y = b.add('reshape', [joined, [8]], [8]);
    expect((await run(b.ending(y), [1, 2, 3, 4, 5, 6], [2, 3])).values).toEqual([2, 3, 2, 5, 5, 6, 3, 6]);
  });

  it('normalises with the reductions and limits of the options', async () => {
    const b = new Calls();
    const x = b.input('x', [2, 2]);
    const mean = b.add('reduceMean', [x, { axes: [1], keepDimensions: true }], [2, 1]);
    const y = b.add('clamp', [b.add('sub', [x, mean], [2, 2]), { minValue: -1, maxValue: 1 }], [2, 2]);
    expect((await run(b.ending(y), [1, 2, 10, 20], [2, 2])).values).toEqual([-0.5, 0.5, -1, 1]);
  });

  it('clamps indices, as Chromium does, and casts the best index', async () => {
    const b = new Calls();
    const x = b.input('x', [3, 2]);
    const rows = b.add('gather', [x, b.constant(Int32Array.of(7, 0), [2]), { axis: 0 }], [2, 2]);
    const best = b.add('argMax', [rows, 1, { outputDataType: 'int32' }], [2], 'int32');
    const y = b.add('cast', [best, 'float32'], [2]);
    expect((await run(b.ending(y), [9, 0, 0, 0, 1, 5], [3, 2])).values).toEqual([1, 0]);
  });

  it('says which operator it does not know', () => {
    const b = new Calls();
    expect(() => onnxOf(b.ending(b.add('lstm', [b.input('x', [1])], [1])))).toThrow(
      'does not know the operator "lstm"',
    );
  });
});
