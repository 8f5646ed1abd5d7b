import { describe, expect, it } from 'vitest';
import { dense } from '../testing/forward.ts';
import { memorySource } from '../testing/fixtures.ts';
import type { Dtype, StoredTensor } from '../tensor.ts';
import { dequantise } from '../../weights/rows.ts';
import { MLX_BITS, mlxMatrix, mlxScheme } from './mlx.ts';
import { MLX_FLOATS } from './mlx-floats.ts';
import fixture from './mlx.vectors.json' with { type: 'json' };

const tensor = (name: string, dtype: Dtype, dims: number[], base64: string): StoredTensor => ({
  name,
  dtype,
  dims,
  source: memorySource(name, new Uint8Array(Buffer.from(base64, 'base64'))),
  offset: 0,
});

describe('MLX', () => {
  it('has a vector for every number of bits', () => {
    expect([...new Set(fixture.vectors.map(({ bits }) => bits))]).toEqual(MLX_BITS);
  });

  it.each(fixture.vectors)(
    `$bits bits in groups of $group give the values of ${fixture.reference}`,
    async ({ bits, group, rows, cols, weight, scales, biases, float32 }) => {
      const matrix = mlxMatrix(
        'm',
        mlxScheme({ quantization: { bits, group_size: group } }, 'config.json')!,
        tensor('m.weight', 'u32', [rows, (cols * bits) / 32], weight),
        tensor('m.scales', 'f16', [rows, cols / group], scales),
        tensor('m.biases', 'f16', [rows, cols / group], biases),
      );
      const expected = new Float32Array(new Uint8Array(Buffer.from(float32, 'base64')).buffer);
      const values = await dense(matrix);
      expect(values.length).toBe(expected.length);
      // Code times scale plus bias is rounded in another order for 4 and 8 bits, whose codes count from the middle.
      values.forEach((value, i) => expect(Math.abs(value - expected[i]!), `weight ${i}`).toBeLessThan(1e-7));
      expect(matrix.form).toMatchObject({ kind: 'blocks', bits: bits <= 4 ? 4 : 8, block: group, symmetric: false });
    },
  );

  it('takes the scheme of a module from its own entry', () => {
    const scheme = mlxScheme({ quantization: { bits: 4, group_size: 64, m: { bits: 6, group_size: 32 } } }, 'c')!;
    const { weight, scales, biases, rows, cols } = fixture.vectors.find(
      ({ bits, group }) => bits === 6 && group === 32,
    )!;
    const matrix = mlxMatrix(
      'm',
      scheme,
      tensor('m.weight', 'u32', [rows, (cols * 6) / 32], weight),
      tensor('m.scales', 'f16', [rows, cols / 32], scales),
      tensor('m.biases', 'f16', [rows, cols / 32], biases),
    );
    expect(matrix).toMatchObject({ cols, type: 'MLX int6 group 32' });
  });

  it('has a vector for every mode of floats', () => {
    expect(fixture.floats.map(({ mode }) => mode)).toEqual([...MLX_FLOATS.keys()]);
  });

  it.each(fixture.floats)(
    `$mode gives the values of ${fixture.reference}`,
    async ({ mode, bits, group, rows, cols, weight, scales, float32 }) => {
      const scheme = mlxScheme({ quantization: { group_size: group, bits, mode } }, 'config.json')!;
      const parts = [
        tensor('m.weight', 'u32', [rows, (cols * bits) / 32], weight),
        tensor('m.scales', 'u8', [rows, cols / group], scales),
      ] as const;
      const matrix = mlxMatrix('m', scheme, ...parts, undefined);
      const expected = new Float32Array(new Uint8Array(Buffer.from(float32, 'base64')).buffer);
      const values = await dense(matrix);
      expect(values.length).toBe(expected.length);
      // + 0: blocks do not keep the sign of a zero.
      values.forEach((value, i) => expect(value + 0, `weight ${i}`).toBe(expected[i]! + 0));
      const last = await matrix.read(rows - 1, 1);
      expect([...dequantise(last)]).toEqual([...values.subarray((rows - 1) * cols)]);
      expect(matrix.form.kind).toBe(bits === 4 ? 'blocks' : 'float');
      // Defaults of the mode where config.json leaves them out.
      const brief = mlxMatrix('m', mlxScheme({ quantization: { mode } }, 'config.json')!, ...parts, undefined);
      expect(await dense(brief)).toEqual(values);
    },
  );

  it('takes what an entry of a module leaves out from MLX, not from the model', async () => {
    const { weight, scales, biases, float32 } = fixture.vectors.find(({ bits, group }) => bits === 4 && group === 32)!;
    const scheme = mlxScheme({ quantization: { mode: 'mxfp8', bits: 8, group_size: 32, m: { group_size: 32 } } }, 'c')!;
    const matrix = mlxMatrix(
      'm',
      scheme,
      tensor('m.weight', 'u32', [3, 16], weight),
      tensor('m.scales', 'f16', [3, 4], scales),
      tensor('m.biases', 'f16', [3, 4], biases),
    );
    expect(matrix.type).toBe('MLX int4 group 32');
    const expected = new Float32Array(new Uint8Array(Buffer.from(float32, 'base64')).buffer);
    (await dense(matrix)).forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-7));
  });

  it('refuses tensors that do not fit a mode of floats', () => {
    const scheme = mlxScheme({ quantization: { mode: 'nvfp4' } }, 'config.json')!;
    const weight = tensor('m.weight', 'u32', [1, 2], 'AAAAAAAAAAA=');
    const wrong = tensor('m.scales', 'u8', [1, 2], 'AAA=');
    expect(() => mlxMatrix('m', scheme, weight, wrong, undefined)).toThrow(/do not match MLX's layout of nvfp4/);
  });

  it.each([
    ['mxfp6', 6],
    ['mxfp4', 8],
    ['affine', 7],
  ])('refuses %s of %i bits by name', (mode, bits) => {
    const scheme = mlxScheme({ quantization: { bits, group_size: 32, mode } }, 'config.json')!;
    const some = tensor('m.weight', 'u32', [1, 1], 'AAAAAA==');
    expect(() => mlxMatrix('m', scheme, some, some, some)).toThrow(`"${mode}" of ${bits} bits is not supported`);
  });

  it('finds the scheme under either name, and none where another quantiser is named', () => {
    const own = { bits: 5, group_size: 64 };
    expect(mlxScheme({ quantization_config: own }, 'c')).toMatchObject(own);
    expect(mlxScheme({ quantization_config: { ...own, quant_method: 'gptq' } }, 'c')).toBeNull();
    expect(mlxScheme({}, 'c')).toBeNull();
  });
});
