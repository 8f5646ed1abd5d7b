/** DequantizeLinear before a product: per tensor, per axis or in blocks, with the weights either way round. */
import { PhiError } from '../errors.ts';
import { affineMatrix, type Shift } from './affine.ts';
import { numberAttribute, unsupported, type Op } from './graph.ts';
import { blobSource } from '../store/bytes.ts';
import { codeBits, elementCount, readCodes, readVector, type StoredTensor } from './tensor.ts';
import { transposedAffine } from './transposed.ts';
import type { Matrix } from './types.ts';

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
    throw unsupported(file, op, `weights of ${weights.dtype} [${weights.dims.join(', ')}]; int4 and int8 matrices are read`);
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
  if (scaleCount === 1) ({ scales, zeros } = await repeated(scales, zeros, rows));
  else if (scaleCount !== rows * blocks) throw new PhiError('bad-model', `${file}: ${scaleCount} scales for ${rows} rows of ${blocks} blocks in ${op.name}.`);
  // Without zero points the codes count from zero, which is the middle of the signed types.
  const zero = weights.dtype.startsWith('i') ? (bits === 4 ? 8 : 128) : 0;
  if (!transposed) {
    const shift: Shift = zeros ? { kind: 'codes', tensor: zeros, perRow: blocks, stride: blocks } : { kind: 'constant', zero };
    return affineMatrix({ name: weights.name, rows, cols, block, codes: weights, scales, shift });
  }
  if (cols % block) throw unsupported(file, op, `${cols} input features in blocks of ${block}`);
  return transposedAffine({ name: weights.name, k: cols, n: rows, block, codes: weights, scales, zeros: zeros ?? zero });
}

/** One scale (and zero point) for the whole tensor, written out for each row. */
async function repeated(scales: StoredTensor, zeros: StoredTensor | null, rows: number): Promise<{ scales: StoredTensor; zeros: StoredTensor | null }> {
  const [scale = 0] = await readVector(scales);
  const memory = (data: Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>, name: string) => blobSource(name, new Blob([data]));
  const spread: StoredTensor = { name: scales.name, dtype: 'f32', dims: [rows], source: memory(new Float32Array(rows).fill(scale), scales.name), offset: 0 };
  if (!zeros) return { scales: spread, zeros };
  const [code = 0] = await readCodes(zeros, 0, 1);
  return { scales: spread, zeros: { name: zeros.name, dtype: 'u8', dims: [rows], source: memory(new Uint8Array(rows).fill(code), zeros.name), offset: 0 } };
}
