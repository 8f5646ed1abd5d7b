/** MLX's modes of small floats: codes packed into uint32 as affine ones are, and a scale of one byte for each group of a row. */
import { PhiError } from '../../../shared/errors.ts';
import { E4M3, E8M0, FLOAT4_CODES } from '../../weights/small-floats.ts';
import { readCodes, type StoredTensor } from '../tensor.ts';
import type { Matrix } from '../../weights/matrix.ts';

interface FloatMode {
  name: string;
  bits: 4 | 8;
  /** Weights that share a scale; MLX has one width for each mode. */
  group: number;
  /** Value of a scale by its byte. */
  scales: Float32Array;
}

/** By the name that `quantization.mode` of config.json has. */
export const MLX_FLOATS: ReadonlyMap<string, FloatMode> = new Map(
  [
    { name: 'mxfp4', bits: 4 as const, group: 32, scales: E8M0 },
    { name: 'nvfp4', bits: 4 as const, group: 16, scales: E4M3 },
    { name: 'mxfp8', bits: 8 as const, group: 32, scales: E8M0 },
  ].map((mode) => [mode.name, mode]),
);

/**
 * `[rows, words * 32 / bits]`. Floats of 4 bits become blocks of 8 bits without loss (see FLOAT4_CODES); those of 8 bits lie on no even grid, so
 * they become float32. Throws `bad-model` when the tensors do not fit each other.
 */
export function mlxFloatMatrix(module: string, mode: FloatMode, weight: StoredTensor, scales: StoredTensor): Matrix {
  const { bits, group } = mode;
  const [rows = 0, words = 0] = weight.dims;
  const cols = (words * 32) / bits;
  const perRow = cols / group;
  const shapes = weight.dims.length === 2 && scales.dims.join() === [rows, perRow].join();
  if (weight.dtype !== 'u32' || scales.dtype !== 'u8' || !rows || !words || !shapes)
    throw new PhiError(
      'bad-model',
      `${module}: packed weights ${weight.dtype} [${weight.dims.join(', ')}] with scales ${scales.dtype} [${scales.dims.join(', ')}] do not match MLX's layout of ${mode.name}.`,
    );
  const codes: StoredTensor = { ...weight, dtype: bits === 4 ? 'u4' : 'u8', dims: [rows, cols] };
  const read = async (start: number, count: number) => {
    const [packed, bytes] = await Promise.all([
      readCodes(codes, start * cols, count * cols),
      readCodes(scales, start * perRow, count * perRow),
    ]);
    return { packed, scale: Float32Array.from(bytes, (byte) => mode.scales[byte]!) };
  };
  const shape = { name: weight.name, rows, cols, type: `MLX ${mode.name}` };
  if (bits === 8)
    return {
      ...shape,
      form: { kind: 'float', bits: 32 },
      async read(start, count) {
        const { packed, scale } = await read(start, count);
        const values = Float32Array.from(packed, (code, i) => E4M3[code]! * scale[Math.floor(i / group)]!);
        return { kind: 'float', rows: count, cols, values };
      },
    };
  return {
    ...shape,
    form: { kind: 'blocks', bits: 8, block: group, symmetric: true },
    async read(start, count) {
      const { packed, scale } = await read(start, count);
      const doubled = packed.map((code) => FLOAT4_CODES[code]!);
      return {
        kind: 'blocks',
        rows: count,
        cols,
        bits: 8,
        block: group,
        codes: doubled,
        scales: scale.map((value) => value / 2),
        mins: null,
      };
    },
  };
}
