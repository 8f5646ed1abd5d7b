/** From the tensor table of a GGUF to matrices that are read by rows. */
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource } from '../../../store/bytes.ts';
import type { GgmlType } from '../../weights/ggml.ts';
import { GGML_TYPES, ggmlTypeName } from '../../weights/ggml.ts';
import { dequantise } from '../../weights/rows.ts';
import type { GgufHeader } from './parse.ts';
import type { Matrix } from '../../weights/matrix.ts';

/** A tensor whose type is known and whose bytes lie inside its file. */
export interface GgufTensor {
  name: string;
  /** Input features, or the length of a vector. */
  cols: number;
  /** Output features; 1 for a vector, those of all matrices for a stack of experts. */
  rows: number;
  type: GgmlType;
  source: ByteSource;
  /** First byte in `source`. */
  offset: number;
}

/** The tensors of all parts by name. Throws where one has an unknown type, an impossible shape, lies outside its file or over another. */
export function locateTensors(headers: GgufHeader[]): Map<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>();
  for (const header of headers) {
    const extents = header.tensors.map((info) => {
      const tensor = locate(header, info);
      if (tensors.has(info.name)) throw damaged(header.source, info.name, 'appears twice');
      tensors.set(info.name, tensor);
      return tensor;
    });
    extents.sort((a, b) => a.offset - b.offset);
    extents.forEach((tensor, i) => {
      const before = extents[i - 1];
      if (before && before.offset + tensorBytes(before) > tensor.offset)
        throw damaged(header.source, tensor.name, `overlaps tensor "${before.name}"`);
    });
  }
  return tensors;
}

function locate(header: GgufHeader, info: GgufHeader['tensors'][number]): GgufTensor {
  const { source } = header;
  const { name, dims } = info;
  const type = GGML_TYPES.get(info.type);
  if (!type) {
    const known = [...GGML_TYPES.values()].map((known) => known.name).join(', ');
    throw new PhiError(
      'unsupported-model',
      `${source.name}: tensor "${name}" has the type ${ggmlTypeName(info.type)}, which is not supported. Choose a file with ${known}.`,
      {
        type: info.type,
      },
    );
  }
  const cols = dims[0] ?? 0;
  const rows = dims.slice(1).reduce((product, dim) => product * dim, 1);
  const stack = /_exps\.weight$/.test(name);
  if (dims.slice(stack ? 3 : 2).some((dim) => dim !== 1))
    throw new PhiError(
      'unsupported-model',
      `${source.name}: tensor "${name}" has the shape [${dims.join(', ')}]. It is not a matrix, so this is not a Phi model.`,
    );
  if (!(cols >= 1 && rows >= 1 && cols <= source.size * 8 && rows <= source.size))
    throw damaged(source, name, `has the impossible shape [${dims.join(', ')}]`);
  if (cols % type.elements !== 0)
    throw damaged(
      source,
      name,
      `has rows of ${cols} weights, which is not a multiple of ${type.elements}, the size of a ${type.name} block`,
    );
  const tensor: GgufTensor = { name, cols, rows, type, source, offset: header.dataStart + info.offset };
  if (info.offset % header.alignment !== 0)
    throw damaged(
      source,
      name,
      `begins at ${info.offset}, which is not a multiple of the alignment ${header.alignment}`,
    );
  if (tensor.offset + tensorBytes(tensor) > source.size) {
    throw damaged(
      source,
      name,
      `ends at byte ${tensor.offset + tensorBytes(tensor)}, but the file has ${source.size}. It is truncated or damaged; download it again`,
    );
  }
  return tensor;
}

function damaged(source: ByteSource, tensor: string, why: string): PhiError {
  return new PhiError('bad-model', `${source.name}: tensor "${tensor}" ${why}.`, { tensor });
}

function rowBytes(tensor: GgufTensor): number {
  return (tensor.cols / tensor.type.elements) * tensor.type.bytes;
}

function tensorBytes(tensor: GgufTensor): number {
  return rowBytes(tensor) * tensor.rows;
}

/** The tensor as a lazily read matrix. */
export function tensorMatrix(tensor: GgufTensor): Matrix {
  const { name, rows, cols, type, source, offset } = tensor;
  const stride = rowBytes(tensor);
  return {
    name,
    rows,
    cols,
    type: type.name,
    form: type.form,
    async read(start, count) {
      if (start < 0 || count < 0 || start + count > rows)
        throw new RangeError(`${name}: rows ${start} to ${start + count} of ${rows}`);
      return type.decode(await source.read(offset + start * stride, count * stride), count, cols);
    },
  };
}

/** The values of a one-dimensional tensor (norm weights, rope factors). */
export async function tensorVector(tensor: GgufTensor): Promise<Float32Array> {
  const values = dequantise(await tensorMatrix(tensor).read(0, tensor.rows));
  if (!values.every(Number.isFinite)) throw damaged(tensor.source, tensor.name, 'has values that are not finite');
  return values;
}
