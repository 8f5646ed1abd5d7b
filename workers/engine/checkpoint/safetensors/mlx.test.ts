import { describe, expect, it } from 'vitest';
import { dense } from '../testing/forward.ts';
import { memorySource } from '../testing/fixtures.ts';
import type { Dtype, StoredTensor } from '../tensor.ts';
import { MLX_BITS, mlxMatrix, mlxScheme } from './mlx.ts';
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

  it.each([
    ['mxfp4', 4],
    ['nvfp4', 4],
    ['mxfp8', 8],
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
