/** MLX's affine quantisation inside safetensors: codes packed into uint32, with a scale and a bias for each group of a row. */
import * as v from 'valibot';
import { PhiError } from '../../../shared/errors.ts';
import { affineMatrix } from '../affine.ts';
import { checked } from '../json.ts';
import { isFloat, type StoredTensor } from '../tensor.ts';
import type { Matrix } from '../types.ts';

const Scheme = v.object({ bits: v.number(), group_size: v.number(), mode: v.nullish(v.string(), 'affine') });
const Quantization = v.looseObject(Scheme.entries);
const Holder = v.object({ quantization: v.nullish(Quantization) });

export type MlxScheme = v.InferOutput<typeof Quantization>;

/** The `quantization` of config.json, with its exceptions by module; null for a model that MLX did not quantise. */
export function mlxScheme(config: unknown, file: string): MlxScheme | null {
  return checked(Holder, config, file).quantization ?? null;
}

/** A quantised module's weight. `module` is its name without `.weight`. */
export function mlxMatrix(
  module: string,
  scheme: MlxScheme,
  weight: StoredTensor,
  scales: StoredTensor,
  biases: StoredTensor | undefined,
): Matrix {
  const own = scheme[module];
  const {
    bits,
    group_size: group,
    mode,
  } = own && typeof own === 'object' ? checked(Scheme, { ...scheme, ...own }, module) : scheme;
  if (mode !== 'affine' || !biases || (bits !== 4 && bits !== 8)) {
    throw new PhiError(
      'unsupported-model',
      `${module}: MLX quantisation "${mode}" of ${bits} bits is not supported; 4 and 8 bit affine are.`,
      {
        kind: `mlx ${mode} ${bits}`,
      },
    );
  }
  const [rows = 0, words = 0] = weight.dims;
  if (
    weight.dtype !== 'u32' ||
    weight.dims.length !== 2 ||
    !isFloat(biases.dtype) ||
    biases.dims.join() !== scales.dims.join()
  ) {
    throw new PhiError(
      'bad-model',
      `${module}: packed weights [${weight.dims.join(', ')}] with scales [${scales.dims.join(', ')}] and biases [${biases.dims.join(', ')}] are not MLX's.`,
    );
  }
  const cols = (words * 32) / bits;
  // Little-endian words, lowest bits first: the same bytes as packed nibbles or bytes.
  const codes: StoredTensor = { ...weight, dtype: bits === 4 ? 'u4' : 'u8', dims: [rows, cols] };
  return affineMatrix({
    name: weight.name,
    type: `MLX int${bits} group ${group}`,
    rows,
    cols,
    block: group,
    codes,
    scales,
    shift: { kind: 'biases', tensor: biases },
  });
}
