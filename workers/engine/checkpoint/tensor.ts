/** A tensor as it lies in a file, and its elements as numbers. Nothing is read until it is asked for. */
import { PhiError } from '../../shared/errors.ts';
import type { ByteSource } from '../../store/bytes.ts';
import { assertRange } from '../../store/bytes.ts';
import { bfloatToFloat, bytesToFloat, halfToFloat } from '../weights/half.ts';

export type Dtype =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'u8'
  | 'i8'
  | 'u6'
  | 'u5'
  | 'u4'
  | 'i4'
  | 'u3'
  | 'u2'
  | 'u32'
  | 'i32'
  | 'i64'
  | 'bool';

const DTYPE_BITS: Record<Dtype, number> = {
  f64: 64,
  f32: 32,
  f16: 16,
  bf16: 16,
  u8: 8,
  i8: 8,
  u6: 6,
  u5: 5,
  u4: 4,
  i4: 4,
  u3: 3,
  u2: 2,
  u32: 32,
  i32: 32,
  i64: 64,
  bool: 8,
};

export interface StoredTensor {
  readonly name: string;
  readonly dtype: Dtype;
  /** Row-major; elements below 8 bits are packed across the whole tensor, lowest bits first. */
  readonly dims: readonly number[];
  readonly source: ByteSource;
  /** First byte in `source`. */
  readonly offset: number;
}

/** Number of elements. Throws `bad-model` if a dimension is not a valid size or the product is too large. */
export function elementCount(name: string, dims: readonly number[]): number {
  let product = 1;
  for (const dim of dims) product *= dim;
  if (dims.some((dim) => !Number.isSafeInteger(dim) || dim < 0) || !Number.isSafeInteger(product)) {
    throw new PhiError('bad-model', `${name}: the shape [${dims.join(', ')}] is impossible. The file is damaged.`);
  }
  return product;
}

/** Bytes that `dims` elements of `dtype` take. */
export function byteLength(name: string, dtype: Dtype, dims: readonly number[]): number {
  return Math.ceil((elementCount(name, dims) * DTYPE_BITS[dtype]) / 8);
}

/** Makes a StoredTensor, or throws `bad-model` when it does not lie inside its file. */
export function storedTensor(tensor: StoredTensor): StoredTensor {
  assertRange(
    `${tensor.source.name} (${tensor.name})`,
    tensor.source.size,
    tensor.offset,
    byteLength(tensor.name, tensor.dtype, tensor.dims),
  );
  return tensor;
}

export function isFloat(dtype: Dtype): boolean {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16';
}

/** Bits of the blocks that hold codes of this type (2 and 3 bits fit in 4, 5 and 6 in 8); null for types that weights are not quantised to. */
export function codeBits(dtype: Dtype): 4 | 8 | null {
  if (dtype === 'u4' || dtype === 'i4' || dtype === 'u3' || dtype === 'u2') return 4;
  return dtype === 'u8' || dtype === 'i8' || dtype === 'u6' || dtype === 'u5' ? 8 : null;
}

/** True if codes of this type use only the lower half of their range (see `codeBits`). */
export function isNarrow(dtype: Dtype): boolean {
  return dtype === 'u2' || dtype === 'u3' || dtype === 'u5' || dtype === 'u6';
}

async function readBytes(tensor: StoredTensor, start: number, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const size = DTYPE_BITS[tensor.dtype] / 8;
  return tensor.source.read(tensor.offset + start * size, count * size);
}

/** Elements `[start, start + count)` of a float tensor. */
export async function readFloats(tensor: StoredTensor, start: number, count: number): Promise<Float32Array> {
  if (!isFloat(tensor.dtype))
    throw new PhiError(
      'unsupported-model',
      `${tensor.name} holds ${tensor.dtype}, but float16, bfloat16 or float32 is expected.`,
    );
  const bytes = await readBytes(tensor, start, count);
  if (tensor.dtype === 'f16') return halfToFloat(bytes);
  return tensor.dtype === 'bf16' ? bfloatToFloat(bytes) : bytesToFloat(bytes);
}

/** Elements `[start, start + count)` of a tensor of 2- to 8-bit codes, unsigned: signed ones are moved up by 8 or 128. */
export async function readCodes(tensor: StoredTensor, start: number, count: number): Promise<Uint8Array> {
  const bits = codeBits(tensor.dtype);
  if (bits === null)
    throw new PhiError(
      'unsupported-model',
      `${tensor.name} holds ${tensor.dtype}, but integers of 2 to 8 bits are expected.`,
    );
  if (isNarrow(tensor.dtype)) return readNarrow(tensor, start, count);
  if (bits === 8) {
    const bytes = await readBytes(tensor, start, count);
    if (tensor.dtype === 'i8') for (let i = 0; i < bytes.length; i++) bytes[i] = bytes[i]! ^ 128;
    return bytes;
  }
  const first = start >> 1;
  const packed = await tensor.source.read(tensor.offset + first, ((start + count + 1) >> 1) - first);
  return unpackNibbles(packed, start & 1, count, tensor.dtype === 'i4' ? 8 : 0);
}

/** Codes whose width does not divide a byte, out of the tensor's stream of bits. */
async function readNarrow(tensor: StoredTensor, start: number, count: number): Promise<Uint8Array> {
  const width = DTYPE_BITS[tensor.dtype];
  const firstBit = start * width;
  const first = Math.floor(firstBit / 8);
  const packed = await tensor.source.read(tensor.offset + first, Math.ceil((firstBit + count * width) / 8) - first);
  const mask = (1 << width) - 1;
  const out = new Uint8Array(count);
  for (let i = 0, bit = firstBit - 8 * first; i < count; i++, bit += width) {
    const at = bit >> 3;
    out[i] = ((packed[at]! | ((packed[at + 1] ?? 0) << 8)) >> (bit & 7)) & mask;
  }
  return out;
}

/** `count` nibbles from nibble `skip` on, low nibble first; `flip` is XORed in (8 turns two's complement into an unsigned code). */
function unpackNibbles(packed: Uint8Array, skip: number, count: number, flip: number): Uint8Array {
  const out = new Uint8Array(count);
  if (skip === 0) {
    for (let i = 0, at = 0; i < count; i += 2, at++) {
      const byte = packed[at]!;
      out[i] = (byte & 15) ^ flip;
      out[i + 1] = (byte >> 4) ^ flip; // past the end of an odd count: ignored by the typed array
    }
    return out;
  }
  for (let i = 0, nibble = skip; i < count; i++, nibble++)
    out[i] = ((packed[nibble >> 1]! >> ((nibble & 1) << 2)) & 15) ^ flip;
  return out;
}

/** Vectors (norm weights, rotary tables) are at most this many elements; anything longer is refused. */
const VECTOR_LIMIT = 1 << 20;

/** All elements of a short float tensor, float64 included. */
export async function readVector(tensor: StoredTensor): Promise<Float32Array> {
  const count = shortCount(tensor);
  if (tensor.dtype !== 'f64') return readFloats(tensor, 0, count);
  const bytes = await readBytes(tensor, 0, count);
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: count }, (_, i) => view.getFloat64(i * 8, true));
}

/** All elements of a short integer tensor. */
export async function readIntegers(tensor: StoredTensor): Promise<number[]> {
  const count = shortCount(tensor);
  if (codeBits(tensor.dtype)) {
    const signed = tensor.dtype.startsWith('i') ? (codeBits(tensor.dtype) === 4 ? 8 : 128) : 0;
    return Array.from(await readCodes(tensor, 0, count), (code) => code - signed);
  }
  const view = new DataView((await readBytes(tensor, 0, count)).buffer);
  return Array.from({ length: count }, (_, i) => {
    if (tensor.dtype === 'i64') return Number(view.getBigInt64(i * 8, true));
    if (tensor.dtype === 'i32') return view.getInt32(i * 4, true);
    if (tensor.dtype === 'u32') return view.getUint32(i * 4, true);
    if (tensor.dtype === 'bool') return view.getUint8(i);
    throw new PhiError('unsupported-model', `${tensor.name} holds ${tensor.dtype}, but integers are expected.`);
  });
}

function shortCount(tensor: StoredTensor): number {
  const count = elementCount(tensor.name, tensor.dims);
  if (count > VECTOR_LIMIT)
    throw new PhiError('unsupported-model', `${tensor.name} has ${count} elements, but a short vector is expected.`);
  return count;
}
