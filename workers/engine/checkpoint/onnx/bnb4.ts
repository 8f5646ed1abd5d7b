/** Weights of MatMulBnb4 (transformers.js publishes them as `bnb4`): `[N, K]` 4-bit floats, packed in a row, with a scale for each block. */
import { BNB4_TABLES, unpackBnb4 } from '../../weights/bnb4.ts';
import { numberAttribute, unsupported, type Op } from '../network/graph.ts';
import { elementCount, isFloat, readCodes, readFloats, type StoredTensor } from '../tensor.ts';
import type { Matrix } from '../../weights/matrix.ts';

/** Throws `unsupported-model` for a layout that the operator's definition does not have, and for tensors that do not fit it. */
export function bnb4Matrix(file: string, op: Op, weights: StoredTensor, absmax: StoredTensor): Matrix {
  const [rows, cols, block] = ['N', 'K', 'block_size'].map((name) => numberAttribute(op, name, 0)) as [
    number,
    number,
    number,
  ];
  const table = BNB4_TABLES[numberAttribute(op, 'quant_type', -1)];
  if (!table) throw unsupported(file, op, 'its quant_type is neither 0 (FP4) nor 1 (NF4)');
  if (numberAttribute(op, 'transB', 1) !== 1) throw unsupported(file, op, 'its weights are not transposed');
  const count = rows * cols;
  const bytes = elementCount(weights.name, weights.dims);
  const blocks = elementCount(absmax.name, absmax.dims);
  const fits = block > 0 && bytes === Math.ceil(count / 2) && blocks === Math.ceil(count / block);
  if (!count || !fits || weights.dtype !== 'u8' || !isFloat(absmax.dtype))
    throw unsupported(
      file,
      op,
      `[${rows}, ${cols}] in blocks of ${block} does not fit ${weights.dtype} [${weights.dims.join(', ')}] with scales ${absmax.dtype} [${absmax.dims.join(', ')}]`,
    );
  return {
    name: weights.name,
    rows,
    cols,
    type: `${table.name} block ${block}`,
    form: { kind: 'float', bits: 32 },
    async read(start, wanted) {
      const [first, length] = [start * cols, wanted * cols];
      const byte = Math.floor(first / 2);
      const scale = Math.floor(first / block);
      const [packed, scales] = await Promise.all([
        readCodes(weights, byte, Math.ceil((first + length) / 2) - byte),
        readFloats(absmax, scale, Math.ceil((first + length) / block) - scale),
      ]);
      const values = unpackBnb4(packed, scales, table.values, block, first, length);
      return { kind: 'float', rows: wanted, cols, values };
    },
  };
}
