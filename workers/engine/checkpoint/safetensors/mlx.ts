/**
 * MLX's quantisations inside safetensors. Affine: codes packed into uint32, with a scale and a bias for each group of a row. The modes `mxfp4`,
 * `nvfp4` and `mxfp8` have small floats instead: mlx-floats.ts.
 */
import * as v from 'valibot';
import { PhiError } from '../../../shared/errors.ts';
import { affineMatrix } from '../affine.ts';
import { checked } from '../json.ts';
import { isFloat, type Dtype, type StoredTensor } from '../tensor.ts';
import type { Matrix } from '../../weights/matrix.ts';
import { MLX_FLOATS, mlxFloatMatrix } from './mlx-floats.ts';

const Scheme = v.object({
  bits: v.nullish(v.number()),
  group_size: v.nullish(v.number()),
  mode: v.nullish(v.string(), 'affine'),
});
const Quantization = v.looseObject(Scheme.entries);
const Holder = v.object({
  quantization: v.nullish(Quantization),
  quantization_config: v.nullish(v.looseObject({ quant_method: v.nullish(v.string()) })),
});

export type MlxScheme = v.InferOutput<typeof Quantization>;

/** Codes are one stream of bits through a row, lowest bits first; a row fills whole words. */
const CODES: ReadonlyMap<number, Dtype> = new Map([
  [2, 'u2'],
  [3, 'u3'],
  [4, 'u4'],
  [5, 'u5'],
  [6, 'u6'],
  [8, 'u8'],
]);

/** The widths that the documentation and messages list. */
export const MLX_BITS = [...CODES.keys()];

/** The `quantization` of config.json, with its exceptions by module; null for a model that MLX did not quantise. */
export function mlxScheme(config: unknown, file: string): MlxScheme | null {
  const { quantization, quantization_config: other } = checked(Holder, config, file);
  if (quantization) return quantization;
  // mlx-lm writes it under both names; the second is also where other quantisers name their method.
  const isMlx = other && !other.quant_method && ('bits' in other || 'group_size' in other || 'mode' in other);
  const written = isMlx ? v.safeParse(Quantization, other) : null;
  return written?.success ? written.output : null;
}

/** A quantised module's weight. `module` is its name without `.weight`. Throws `unsupported-model` for a mode that MLX did not have when this was written. */
export function mlxMatrix(
  module: string,
  scheme: MlxScheme,
  weight: StoredTensor,
  scales: StoredTensor,
  biases: StoredTensor | undefined,
): Matrix {
  const own = scheme[module];
  // A module's own entry stands for itself: what it leaves out is MLX's default, not the model's value.
  const { mode, ...written } = own && typeof own === 'object' ? checked(Scheme, own, module) : scheme;
  const floats = MLX_FLOATS.get(mode);
  const bits = written.bits ?? floats?.bits ?? 4;
  const group = written.group_size ?? floats?.group ?? 64;
  if (floats && floats.bits === bits && floats.group === group && !biases)
    return mlxFloatMatrix(module, floats, weight, scales);
  const dtype = CODES.get(bits);
  if (mode !== 'affine' || !biases || !dtype) {
    throw new PhiError(
      'unsupported-model',
      `${module}: MLX quantisation "${mode}" of ${bits} bits is not supported. Affine quantisation with ${MLX_BITS.join(', ')} bits and the modes ${[...MLX_FLOATS.keys()].join(', ')} are supported.`,
      { kind: `mlx ${mode} ${bits}` },
    );
  }
  const [rows = 0, words = 0] = weight.dims;
  if (
    weight.dtype !== 'u32' ||
    weight.dims.length !== 2 ||
    !isFloat(biases.dtype) ||
    biases.dims.join() !== scales.dims.join() ||
    (words * 32) % bits
  ) {
    throw new PhiError(
      'bad-model',
      `${module}: packed weights [${weight.dims.join(', ')}] of ${bits} bits with scales [${scales.dims.join(', ')}] and biases [${biases.dims.join(', ')}] do not match MLX's layout.`,
    );
  }
  const cols = (words * 32) / bits;
  return affineMatrix({
    name: weight.name,
    type: `MLX int${bits} group ${group}`,
    rows,
    cols,
    block: group,
    codes: { ...weight, dtype, dims: [rows, cols] },
    scales,
    shift: { kind: 'biases', tensor: biases },
  });
}
