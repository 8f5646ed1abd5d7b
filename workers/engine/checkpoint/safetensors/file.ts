/** The safetensors container: an 8-byte length, a JSON header, then the tensors. Only the header is read. */
import * as v from 'valibot';
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource } from '../../../store/bytes.ts';
import { checked, parseJson } from '../json.ts';
import { byteLength, storedTensor, type Dtype, type StoredTensor } from '../tensor.ts';

/** Phi-4's header has 30 KB, that of a model quantised by MLX 90. */
const HEADER_LIMIT = 1 << 20;

const DTYPES = new Map<string, Dtype>(
  Object.entries({
    F64: 'f64',
    F32: 'f32',
    F16: 'f16',
    BF16: 'bf16',
    U8: 'u8',
    I8: 'i8',
    U32: 'u32',
    I32: 'i32',
    I64: 'i64',
    BOOL: 'bool',
  }),
);

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Entry = v.object({
  dtype: v.string(),
  shape: v.pipe(v.array(size), v.maxLength(8)),
  data_offsets: v.tuple([size, size]),
});
const Header = v.record(v.string(), v.unknown());

export interface SafetensorsFile {
  tensors: Map<string, StoredTensor>;
  /** Types that no supported layout uses (F8_E4M3, F4), by the tensor that has one. */
  others: Map<string, string>;
}

/** Tensors of one file by name. Throws `bad-model` when a tensor leaves the file or its size does not fit its shape. */
export async function readSafetensors(source: ByteSource): Promise<SafetensorsFile> {
  const head = new DataView((await source.read(0, 8)).buffer);
  const headerBytes = head.getUint32(0, true) + head.getUint32(4, true) * 2 ** 32;
  if (headerBytes > HEADER_LIMIT || headerBytes < 2) {
    throw new PhiError(
      'bad-model',
      `${source.name} begins with a header of ${headerBytes} bytes, which is impossible. The file is damaged, or it is not a safetensors file.`,
    );
  }
  const header = checked(Header, parseJson(source.name, await source.read(8, headerBytes)), source.name);
  const base = 8 + headerBytes;
  const tensors = new Map<string, StoredTensor>();
  const others = new Map<string, string>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const entry = checked(Entry, value, `${source.name}: ${name}`);
    const dtype = DTYPES.get(entry.dtype);
    if (!dtype) {
      others.set(name, entry.dtype);
      continue;
    }
    const [begin, end] = entry.data_offsets;
    if (end - begin !== byteLength(name, dtype, entry.shape)) {
      throw new PhiError(
        'bad-model',
        `${source.name}: ${name} has ${end - begin} bytes, which does not fit ${entry.dtype} [${entry.shape.join(', ')}]. The header is damaged.`,
      );
    }
    tensors.set(name, storedTensor({ name, dtype, dims: entry.shape, source, offset: base + begin }));
  }
  return { tensors, others };
}
