/** DequantizeLinear before a product: per tensor, per axis or in blocks, with the weights either way round. */
import { PhiError } from '../../../shared/errors.ts';
import { affineMatrix, repeated, type Shift } from '../affine.ts';
import { numberAttribute, unsupported, type Op } from '../network/graph.ts';
import { codeBits, elementCount, readCodes, type StoredTensor } from '../tensor.ts';
import { transposedAffine } from '../transposed.ts';
import type { Matrix } from '../../weights/matrix.ts';

/** `weights` is `[out, in]`, or `[in, out]` when `transposed`. Scales along the input features (or shared by them) are what a matrix of blocks can hold. */
export async function dequantizeLinear(
  file: string,
  op: Op,
  weights: StoredTensor,
  scales: StoredTensor,
  zeros: StoredTensor | null,
  transposed: boolean,
): Promise<Matrix> {
  const bits = codeBits(weights.dtype);
  const [first = 0, second = 0] = weights.dims;
  if (!bits || weights.dims.length !== 2 || !first || !second)
    throw unsupported(
      file,
      op,
      `weights of ${weights.dtype} [${weights.dims.join(', ')}] are not supported, only int4 and int8 matrices`,
    );
  const [rows, cols] = transposed ? [second, first] : [first, second];
  const inputAxis = transposed ? 0 : 1;
  const axis = (numberAttribute(op, 'axis', 1) + 2) % 2;
  const blockSize = numberAttribute(op, 'block_size', 0);
  const scaleCount = elementCount(scales.name, scales.dims);
  if (zeros && (zeros.dtype !== weights.dtype || elementCount(zeros.name, zeros.dims) !== scaleCount)) {
    throw new PhiError(
      'bad-model',
      `${file}: the zero points of ${op.name} (${zeros.dtype} [${zeros.dims.join(', ')}]) do not fit its scales [${scales.dims.join(', ')}].`,
    );
  }
  let block = cols;
  if (blockSize > 0) {
    if (axis !== inputAxis) throw unsupported(file, op, 'blocks along the output features');
    block = blockSize;
  } else if (scaleCount > 1 && axis === inputAxis) throw unsupported(file, op, 'a scale for each input feature');
  const blocks = Math.ceil(cols / block);
  // Without zero points the codes count from zero, which is the middle of the signed types.
  let single: number | null = zeros ? null : weights.dtype.startsWith('i') ? (bits === 4 ? 8 : 128) : 0;
  if (scaleCount === 1) {
    scales = await repeated(scales, rows);
    if (zeros) single = (await readCodes(zeros, 0, 1))[0]!;
  } else if (scaleCount !== rows * blocks) {
    throw new PhiError(
      'bad-model',
      `${file}: ${scaleCount} scales for ${rows} rows of ${blocks} blocks in ${op.name}.`,
    );
  }
  const zero = single ?? zeros!;
  if (!transposed) {
    const shift: Shift =
      typeof zero === 'number'
        ? { kind: 'constant', zero }
        : { kind: 'codes', tensor: zero, perRow: blocks, stride: blocks };
    return affineMatrix({ name: weights.name, rows, cols, block, codes: weights, scales, shift });
  }
  if (cols % block) throw unsupported(file, op, `${cols} input features in blocks of ${block}`);
  return transposedAffine({ name: weights.name, k: cols, n: rows, block, codes: weights, scales, zeros: zero });
}
