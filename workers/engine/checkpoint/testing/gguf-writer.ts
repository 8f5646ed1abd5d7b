/** Writes GGUF files for tests: sound ones, split ones, and ones that are wrong in a chosen place. */
import type { GgufValue } from '../gguf/parse.ts';

export interface WrittenTensor {
  name: string;
  /** ggml order: input features first. */
  dims: (number | bigint)[];
  type: number;
  data: Uint8Array;
  /** Written instead of the true offset. */
  offset?: number | bigint;
}

export interface GgufContent {
  version?: number;
  magic?: string;
  metadata: Iterable<readonly [string, GgufValue | Raw]>;
  tensors: WrittenTensor[];
  /** Written instead of the true counts. */
  counts?: { tensors?: bigint; keys?: bigint };
  alignment?: number;
}

/** A value given as its bytes, type id first. */
export class Raw {
  readonly bytes: number[];
  constructor(...bytes: number[]) {
    this.bytes = bytes;
  }
}

export function u32Bytes(value: number): number[] {
  return [...new Uint8Array(Uint32Array.of(value).buffer)];
}

export function u64Bytes(value: number | bigint): number[] {
  return [...new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)];
}

export function writeGguf({
  version = 3,
  magic = 'GGUF',
  metadata,
  tensors,
  counts = {},
  alignment = 32,
}: GgufContent): Uint8Array<ArrayBuffer> {
  const keys = [...metadata];
  const parts: Uint8Array[] = [];
  const put = (...bytes: number[]) => parts.push(Uint8Array.from(bytes));
  const putText = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    put(...u64Bytes(bytes.length));
    parts.push(bytes);
  };
  parts.push(new TextEncoder().encode(magic));
  put(...u32Bytes(version), ...u64Bytes(counts.tensors ?? tensors.length), ...u64Bytes(counts.keys ?? keys.length));
  for (const [key, value] of keys) {
    putText(key);
    if (value instanceof Raw) put(...value.bytes);
    else if (typeof value === 'string') {
      put(...u32Bytes(8));
      putText(value);
    } else if (typeof value === 'boolean') put(...u32Bytes(7), value ? 1 : 0);
    else if (typeof value === 'number') {
      if (Number.isInteger(value)) put(...u32Bytes(4), ...u32Bytes(value));
      else put(...u32Bytes(6), ...new Uint8Array(Float32Array.of(value).buffer));
    } else if (Array.isArray(value)) {
      put(...u32Bytes(9), ...u32Bytes(8), ...u64Bytes(value.length));
      value.forEach(putText);
    } else {
      put(...u32Bytes(9), ...u32Bytes(arrayType(value)), ...u64Bytes(value.length));
      parts.push(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    }
  }
  let offset = 0;
  for (const { name, dims, type, data, offset: written } of tensors) {
    putText(name);
    put(...u32Bytes(dims.length), ...dims.flatMap(u64Bytes), ...u32Bytes(type), ...u64Bytes(written ?? offset));
    offset += Math.ceil(data.length / alignment) * alignment;
  }
  const pad = () => {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    parts.push(new Uint8Array(Math.ceil(length / alignment) * alignment - length));
  };
  for (const { data } of tensors) {
    pad();
    parts.push(data);
  }
  pad();
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function arrayType(value: object): number {
  const types = [Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Float32Array];
  const type = types.findIndex((kind) => value instanceof kind);
  if (type < 0) throw new RangeError('no such array');
  return type;
}

/** The content in `count` files, as llama.cpp's gguf-split cuts it: the first has the metadata, each has some of the tensors. */
export function splitGguf({ metadata, tensors }: GgufContent, count: number): Uint8Array<ArrayBuffer>[] {
  const size = Math.ceil(tensors.length / count);
  return Array.from({ length: count }, (_, part) =>
    writeGguf({
      metadata: [
        ...(part === 0 ? metadata : []),
        ['split.no', part],
        ['split.count', count],
        ['split.tensors.count', tensors.length],
      ],
      tensors: tensors.slice(part * size, (part + 1) * size),
    }),
  );
}

/** A sound phi3 of one layer: hidden 32, 2 heads of 16, MLP of 64, 8 tokens; embedding F16, matrices Q4_0, norms F32. */
export function tinyGguf(): { metadata: Map<string, GgufValue>; tensors: WrittenTensor[] } {
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', 'phi3'],
    ['general.name', 'tiny'],
    ['phi3.block_count', 1],
    ['phi3.embedding_length', 32],
    ['phi3.attention.head_count', 2],
    ['phi3.attention.head_count_kv', 2],
    ['phi3.feed_forward_length', 64],
    ['phi3.context_length', 128],
    ['phi3.rope.dimension_count', 16],
    ['phi3.attention.layer_norm_rms_epsilon', 1e-5],
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.tokens', ['a', 'b', 'c', 'd', '<s>', '<|end|>', '<|endoftext|>', '\ufeffé']],
    ['tokenizer.ggml.token_type', Int32Array.of(1, 1, 1, 1, 3, 3, 3, 1)],
    ['tokenizer.ggml.eos_token_id', 5],
    ['tokenizer.chat_template', '{{ messages }}'],
  ]);
  const f32 = (name: string, length: number): WrittenTensor => ({
    name,
    dims: [length],
    type: 0,
    data: new Uint8Array(Float32Array.from({ length }, (_, i) => 1 + i / 64).buffer),
  });
  const q4 = (name: string, cols: number, rows: number): WrittenTensor => ({
    name,
    dims: [cols, rows],
    type: 2,
    data: Uint8Array.from({ length: (cols / 32) * rows * 18 }, (_, i) => (i % 18 === 1 ? 0x2c : (i * 37) & 255)),
  });
  return {
    metadata,
    tensors: [
      {
        name: 'token_embd.weight',
        dims: [32, 8],
        type: 1,
        data: Uint8Array.from({ length: 512 }, (_, i) => (i % 2 ? 0x38 : i)),
      },
      f32('output_norm.weight', 32),
      f32('blk.0.attn_norm.weight', 32),
      f32('blk.0.ffn_norm.weight', 32),
      q4('blk.0.attn_qkv.weight', 32, 96),
      q4('blk.0.attn_output.weight', 32, 32),
      q4('blk.0.ffn_up.weight', 32, 128),
      q4('blk.0.ffn_down.weight', 64, 32),
    ],
  };
}
