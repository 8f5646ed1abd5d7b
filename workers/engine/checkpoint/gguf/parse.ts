/**
 * The GGUF container, versions 2 and 3 (ggml's docs/gguf.md): magic, version, counts, key-value metadata, tensor table, aligned data.
 * Only the header is read here. Every count and length is checked against what is left of the file before anything is allocated.
 */
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource } from '../../../store/bytes.ts';
import { Cursor } from './cursor.ts';

type GgufArray =
  string[] | Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;
/** 64-bit integers are numbers (arrays of them Float64Array): nothing in a model's metadata needs more than 53 bits. Arrays of booleans are bytes. */
export type GgufValue = string | number | boolean | GgufArray;

/** A line of the tensor table, not yet checked against anything. */
interface GgufTensorInfo {
  name: string;
  /** As ggml has them: input features first, so a matrix is `[cols, rows]`. */
  dims: number[];
  /** ggml type id. */
  type: number;
  /** From the start of the data. */
  offset: number;
}

export interface GgufHeader {
  source: ByteSource;
  version: number;
  /** Long arrays and strings outside `tokenizer.*`, and `tokenizer.huggingface.json`, are skipped: nothing here reads them. */
  metadata: Map<string, GgufValue>;
  tensors: GgufTensorInfo[];
  alignment: number;
  /** Offset of the tensor data in the file. */
  dataStart: number;
}

// Far above what any model has (Phi-4-mini: 35 keys, 196 tensors, 400,000 strings of 8 MB), far below what hurts.
const MAX_KEYS = 65_536;
const MAX_TENSORS = 65_536;
const MAX_KEY_BYTES = 65_535;
const MAX_TENSOR_NAME_BYTES = 1024;
const MAX_STRINGS = 4_000_000;
const MAX_KEPT_BYTES = 32 * 1024 * 1024;
const MAX_ALIGNMENT = 65_536;
/** Outside `tokenizer.*`: enough for a licence, or for a number a layer. */
const MAX_PLAIN_VALUE_BYTES = 65_536;
const SMALLEST_KEY_BYTES = 8 + 4 + 1;
const SMALLEST_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8;

const UINT8 = 0;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;
const FLOAT64 = 12;
/** Bytes of a value by type id; 0 where it varies. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** Reads the header. Throws `bad-model` for a damaged file, `unsupported-model` for a version or byte order that is not read. */
export async function parseGguf(source: ByteSource): Promise<GgufHeader> {
  const cursor: Cursor = new Cursor(source); // the annotation lets `fail` narrow types
  await cursor.fill(24);
  const version = readVersion(cursor);
  const tensorCount = cursor.u64();
  const keyCount = cursor.u64();
  if (keyCount > MAX_KEYS || tensorCount > MAX_TENSORS)
    cursor.fail(`lists ${keyCount} metadata keys and ${tensorCount} tensors, which is impossible. The file is damaged`);
  cursor.require(keyCount * SMALLEST_KEY_BYTES + tensorCount * SMALLEST_TENSOR_BYTES);

  const metadata = await readMetadata(cursor, keyCount);
  const tensors = await readTensorTable(cursor, tensorCount);
  const alignment = metadata.get('general.alignment') ?? 32;
  if (
    typeof alignment !== 'number' ||
    alignment < 1 ||
    alignment > MAX_ALIGNMENT ||
    (alignment & (alignment - 1)) !== 0
  ) {
    cursor.what = 'metadata key "general.alignment"';
    cursor.fail(`is ${String(alignment)}, not a power of two`);
  }
  return {
    source,
    version,
    metadata,
    tensors,
    alignment,
    dataStart: Math.ceil(cursor.position / alignment) * alignment,
  };
}

function readVersion(cursor: Cursor): number {
  const { name } = cursor.source;
  const magic = cursor.text(4);
  if (magic !== 'GGUF') {
    const old = ['lmgg', 'tjgg', 'algg', 'fmgg'].includes(magic);
    if (old)
      throw new PhiError(
        'unsupported-model',
        `${name}: this is a ggml file, the format before GGUF. Convert the model again with a current llama.cpp.`,
      );
    throw new PhiError('bad-model', `${name}: this is not a GGUF file, because it does not begin with "GGUF".`);
  }
  const version = cursor.u32();
  if (version === 2 || version === 3) return version;
  if (version !== 0 && version % 65_536 === 0)
    throw new PhiError(
      'unsupported-model',
      `${name}: this is a big-endian GGUF. Convert the model for little-endian machines.`,
    );
  throw new PhiError(
    'unsupported-model',
    `${name}: this is GGUF version ${version}, but the app reads versions 2 and 3. Convert the model again with a current llama.cpp.`,
    {
      version,
    },
  );
}

async function readMetadata(cursor: Cursor, count: number): Promise<Map<string, GgufValue>> {
  const metadata = new Map<string, GgufValue>();
  const budget = { bytes: MAX_KEPT_BYTES };
  for (let i = 0; i < count; i++) {
    cursor.what = `metadata key ${i + 1} of ${count}`;
    const key = await readText(cursor, MAX_KEY_BYTES);
    cursor.what = `metadata key "${key}"`;
    if (metadata.has(key)) cursor.fail('appears twice');
    await cursor.fill(4);
    const type = cursor.u32();
    if (type > FLOAT64) cursor.fail(`has the unknown value type ${type}`);
    const value = await readValue(
      cursor,
      type,
      key.startsWith('tokenizer.') && key !== 'tokenizer.huggingface.json',
      budget,
    );
    if (value !== null) metadata.set(key, value);
  }
  return metadata;
}

interface Budget {
  bytes: number;
}

function spend(cursor: Cursor, budget: Budget, bytes: number): void {
  budget.bytes -= bytes;
  if (budget.bytes < 0) cursor.fail(`makes the metadata larger than ${MAX_KEPT_BYTES} bytes. The file is damaged`);
}

/** null: skipped, because it is long and not needed. */
async function readValue(cursor: Cursor, type: number, keepLong: boolean, budget: Budget): Promise<GgufValue | null> {
  if (type === STRING) {
    await cursor.fill(8);
    const bytes = cursor.u64();
    if (!keepLong && bytes > MAX_PLAIN_VALUE_BYTES) {
      cursor.skip(bytes);
      return null;
    }
    cursor.require(bytes);
    spend(cursor, budget, bytes);
    await cursor.fill(bytes);
    return cursor.text(bytes);
  }
  if (type !== ARRAY) {
    await cursor.fill(VALUE_BYTES[type]!);
    return readScalar(cursor, type);
  }
  await cursor.fill(12);
  const itemType = cursor.u32();
  const count = cursor.u64();
  if (itemType > FLOAT64) cursor.fail(`is an array of the unknown value type ${itemType}`);
  if (itemType === ARRAY) cursor.fail('is an array of arrays, which no model has. The file is damaged');
  if (itemType === STRING) return readStrings(cursor, count, keepLong, budget);
  const bytes = count * VALUE_BYTES[itemType]!;
  cursor.require(bytes);
  if (!keepLong && bytes > MAX_PLAIN_VALUE_BYTES) {
    cursor.skip(bytes);
    return null;
  }
  spend(cursor, budget, bytes);
  await cursor.fill(bytes);
  return readNumbers(cursor, itemType, count);
}

/** Only types of a fixed size come here. */
function readScalar(cursor: Cursor, type: number): number | boolean {
  switch (type) {
    case UINT8:
      return cursor.u8();
    case 1:
      return cursor.i8();
    case 2:
      return cursor.u16();
    case 3:
      return cursor.i16();
    case 4:
      return cursor.u32();
    case 5:
      return cursor.i32();
    case 6:
      return cursor.f32();
    case BOOL:
      return cursor.u8() !== 0;
    case 10:
      return cursor.u64();
    case 11:
      return cursor.i64();
    default:
      return cursor.f64();
  }
}

function readNumbers(cursor: Cursor, type: number, count: number): GgufArray {
  if (type === BOOL) return cursor.bytes(count);
  if (type === 10 || type === 11)
    return Float64Array.from({ length: count }, () => (type === 10 ? cursor.u64() : cursor.i64()));
  const { buffer } = cursor.bytes(count * VALUE_BYTES[type]!);
  const views = [Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array];
  return new (views[type] ?? Float64Array)(buffer);
}

async function readStrings(cursor: Cursor, count: number, keep: boolean, budget: Budget): Promise<string[] | null> {
  if (count > MAX_STRINGS) cursor.fail(`has ${count} strings, which is impossible. The file is damaged`);
  cursor.require(count * 8);
  const strings: string[] = [];
  const kept = keep || count <= MAX_PLAIN_VALUE_BYTES / 64;
  for (let i = 0; i < count; i++) {
    if (!cursor.has(8)) await cursor.fill(8);
    const bytes = cursor.u64();
    if (!kept) {
      cursor.skip(bytes);
      continue;
    }
    if (!cursor.has(bytes)) {
      cursor.require(bytes);
      if (bytes > budget.bytes) spend(cursor, budget, bytes);
      await cursor.fill(bytes);
    }
    spend(cursor, budget, bytes + 8);
    strings.push(cursor.text(bytes));
  }
  return kept ? strings : null;
}

async function readText(cursor: Cursor, maxBytes: number): Promise<string> {
  await cursor.fill(8);
  const bytes = cursor.u64();
  if (bytes > maxBytes) cursor.fail(`has a name of ${bytes} bytes, which is too long. The file is damaged`);
  await cursor.fill(bytes);
  return cursor.text(bytes);
}

async function readTensorTable(cursor: Cursor, count: number): Promise<GgufTensorInfo[]> {
  const tensors: GgufTensorInfo[] = [];
  for (let i = 0; i < count; i++) {
    cursor.what = `tensor ${i + 1} of ${count}`;
    const name = await readText(cursor, MAX_TENSOR_NAME_BYTES);
    cursor.what = `tensor "${name}"`;
    await cursor.fill(4);
    const rank = cursor.u32();
    if (rank < 1 || rank > 4) cursor.fail(`has ${rank} dimensions, but only 1 to 4 are possible`);
    await cursor.fill(rank * 8 + 12);
    const dims = Array.from({ length: rank }, () => cursor.u64());
    tensors.push({ name, dims, type: cursor.u32(), offset: cursor.u64() });
  }
  return tensors;
}
