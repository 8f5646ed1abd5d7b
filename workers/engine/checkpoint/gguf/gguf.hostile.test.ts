import { describe, expect, it } from 'vitest';
import { expectWithin } from '../../../testing/timing.ts';
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource } from '../../../store/bytes.ts';
import { openGguf } from './gguf.ts';
import { memorySource } from '../testing/fixtures.ts';
import { type GgufContent, Raw, tinyGguf, u32Bytes, u64Bytes, writeGguf } from '../testing/gguf-writer.ts';

type Tiny = ReturnType<typeof tinyGguf>;

async function openError(bytes: Uint8Array | ByteSource): Promise<PhiError> {
  const source = bytes instanceof Uint8Array ? memorySource('bad.gguf', bytes) : bytes;
  const error: unknown = await openGguf([source]).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof PhiError)) throw new Error('expected a PhiError', { cause: error });
  expect(error.message).toMatch(/^bad\.gguf: /);
  return error;
}

const changed = (change: (tiny: Tiny) => Partial<GgufContent> | undefined | void) => {
  const tiny = tinyGguf();
  return writeGguf({ ...tiny, ...change(tiny) });
};
const withKey = (key: string, value: number | string | Raw | null) =>
  changed(({ metadata }) => {
    if (value === null) metadata.delete(key);
    return {
      metadata: value === null ? metadata : [...[...metadata].filter(([name]) => name !== key), [key, value] as const],
    };
  });
const withTensor = (name: string, change: (tensor: Tiny['tensors'][number]) => void) =>
  changed(({ tensors }) => change(tensors.find((tensor) => tensor.name === name)!));
const HUGE = 2n ** 63n;

describe('a GGUF that is not one, or of another kind', () => {
  it.each<[string, Uint8Array, string, RegExp]>([
    ['empty', new Uint8Array(0), 'bad-model', /truncated/],
    ['a few bytes', Uint8Array.of(71, 71, 85), 'bad-model', /truncated/],
    ['another magic', changed(() => ({ magic: 'PK\x03\x04' })), 'bad-model', /not a GGUF/],
    ['before GGUF', changed(() => ({ magic: 'tjgg' })), 'unsupported-model', /before GGUF/],
    ['version 1', changed(() => ({ version: 1 })), 'unsupported-model', /version 1/],
    ['version 4', changed(() => ({ version: 4 })), 'unsupported-model', /version 4/],
    ['big-endian', changed(() => ({ version: 0x03000000 })), 'unsupported-model', /big-endian/],
    ['no architecture', withKey('general.architecture', null), 'bad-model', /general\.architecture/],
    ['Phi-2', withKey('general.architecture', 'phi2'), 'unsupported-model', /Phi-2 \("phi2"\)/],
    ['MoE without keys', withKey('general.architecture', 'phimoe'), 'bad-model', /phimoe\.embedding_length/],
    ['a projector', withKey('general.architecture', 'clip'), 'unsupported-model', /projector/],
    ['gemma', withKey('general.architecture', 'gemma3'), 'unsupported-model', /"gemma3"/],
    ['a key of Object', withKey('general.architecture', 'constructor'), 'unsupported-model', /"constructor"/],
    ['an adapter', withKey('general.type', 'adapter'), 'unsupported-model', /adapter/],
    ['experts', withKey('phi3.expert_count', 8), 'unsupported-model', /mixture of experts/],
    ['YaRN', withKey('phi3.rope.scaling.type', 'yarn'), 'unsupported-model', /"yarn"/],
    [
      'an unknown type',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.type = 9)),
      'unsupported-model',
      /"blk\.0\.ffn_down\.weight" has the type Q8_1/,
    ],
    [
      'a type of the future',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.type = 999)),
      'unsupported-model',
      /type 999/,
    ],
    [
      'a bias',
      changed(({ tensors }) => void tensors.push({ ...tensors[1]!, name: 'blk.0.attn_qkv.bias' })),
      'unsupported-model',
      /"blk\.0\.attn_qkv\.bias"/,
    ],
    [
      'a matrix of three dimensions',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.dims = [64, 16, 2])),
      'unsupported-model',
      /\[64, 16, 2\]/,
    ],
  ])('%s', async (_, bytes, code, message) => {
    const error = await openError(bytes);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

describe('a damaged or hostile GGUF', () => {
  const text = (value: string) => [...u64Bytes(value.length), ...new TextEncoder().encode(value)];
  it.each<[string, Uint8Array, RegExp]>([
    ['a huge number of tensors', changed(() => ({ counts: { tensors: HUGE } })), /lists .* tensors/],
    ['more tensors than bytes', changed(() => ({ counts: { tensors: 60_000n } })), /truncated or damaged/],
    ['a huge number of keys', changed(() => ({ counts: { keys: HUGE } })), /lists .* metadata keys/],
    ['more keys than there are', changed(() => ({ counts: { keys: 40n } })), /metadata key/],
    ['fewer keys than there are', changed(() => ({ counts: { keys: 3n } })), /tensor/],
    [
      'a string past the end',
      withKey('general.name', new Raw(...u32Bytes(8), ...u64Bytes(HUGE))),
      /"general\.name" needs/,
    ],
    [
      'a tokenizer string past the end',
      withKey('tokenizer.chat_template', new Raw(...u32Bytes(8), ...u64Bytes(2n ** 40n))),
      /chat_template" needs/,
    ],
    [
      'an array past the end',
      withKey('tokenizer.ggml.scores', new Raw(...u32Bytes(9), ...u32Bytes(6), ...u64Bytes(2n ** 62n))),
      /scores" needs/,
    ],
    [
      'an array of huge count',
      withKey('tokenizer.ggml.tokens', new Raw(...u32Bytes(9), ...u32Bytes(8), ...u64Bytes(2n ** 62n))),
      /strings, which is impossible/,
    ],
    [
      'strings past the end',
      withKey('tokenizer.ggml.tokens', new Raw(...u32Bytes(9), ...u32Bytes(8), ...u64Bytes(1n), ...u64Bytes(HUGE))),
      /tokens" needs/,
    ],
    [
      'an array of arrays',
      withKey('general.deep', new Raw(...u32Bytes(9), ...u32Bytes(9), ...u64Bytes(1n))),
      /array of arrays/,
    ],
    ['an unknown value type', withKey('general.odd', new Raw(...u32Bytes(13))), /unknown value type 13/],
    [
      'an unknown item type',
      withKey('general.odd', new Raw(...u32Bytes(9), ...u32Bytes(77), ...u64Bytes(1n))),
      /unknown value type 77/,
    ],
    [
      'a key twice',
      changed(({ metadata }) => ({ metadata: [...metadata, ['general.name', 'again'] as const] })),
      /"general\.name" appears twice/,
    ],
    ['an alignment of zero', withKey('general.alignment', 0), /alignment/],
    ['an alignment that is none', withKey('general.alignment', 33), /alignment/],
    [
      'a tensor past the end',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.offset = 1 << 20)),
      /ffn_down\.weight" ends at byte/,
    ],
    [
      'an offset near 2^64',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.offset = 2n ** 64n - 32n)),
      /ffn_down\.weight"/,
    ],
    ['tensors over each other', withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.offset = 0)), /overlaps/],
    ['a crooked offset', withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.offset = 7)), /alignment/],
    ['no dimensions', withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.dims = [])), /0 dimensions/],
    [
      'five dimensions',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.dims = [1, 1, 1, 1, 1])),
      /5 dimensions/,
    ],
    [
      'a dimension of zero',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.dims = [0, 32])),
      /impossible shape/,
    ],
    [
      'dimensions whose product overflows',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.dims = [2n ** 32n, 2n ** 32n])),
      /impossible shape/,
    ],
    [
      'rows that are no whole blocks',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.dims = [65, 32])),
      /multiple of 32/,
    ],
    [
      'a tensor twice',
      changed(({ tensors }) => void tensors.push({ ...tensors[1]! })),
      /"output_norm\.weight" appears twice/,
    ],
    [
      'a missing tensor',
      changed(({ tensors }) => ({ tensors: tensors.slice(0, -1) })),
      /"blk\.0\.ffn_down\.weight" is missing/,
    ],
    [
      'a wrong shape',
      withTensor('blk.0.ffn_down.weight', (tensor) => (tensor.dims = [32, 64])),
      /64 rows of 32, but .* 32 rows of 64/,
    ],
    ['no layers', withKey('phi3.block_count', 0), /layers/],
    ['too many layers', withKey('phi3.block_count', 4_000_000_000), /layers/],
    ['a layer more', withKey('phi3.block_count', 2), /"blk\.1\./],
    ['no heads', withKey('phi3.attention.head_count', 0), /head/],
    ['heads that do not divide', withKey('phi3.attention.head_count', 3), /head/],
    ['key heads that do not divide', withKey('phi3.attention.head_count_kv', 3), /heads/],
    ['text for a number', withKey('phi3.embedding_length', 'many'), /"phi3\.embedding_length"/],
    ['an odd rotary dimension', withKey('phi3.rope.dimension_count', 7), /rotated/],
    ['no epsilon', withKey('phi3.attention.layer_norm_rms_epsilon', null), /rms_epsilon": missing/],
    [
      'an epsilon of NaN',
      withKey('phi3.attention.layer_norm_rms_epsilon', new Raw(...u32Bytes(6), 0, 0, 192, 127)),
      /rms_epsilon/,
    ],
    ['LongRoPE without factors', withKey('phi3.rope.scaling.type', 'longrope'), /rope_factors/],
    ['a norm of NaN', withTensor('output_norm.weight', (tensor) => tensor.data.fill(255)), /not finite/],
    [
      'a key name without end',
      Uint8Array.from([...writeGguf(tinyGguf()).subarray(0, 24), ...u64Bytes(HUGE), ...new Uint8Array(4096)]),
      /name of/,
    ],
    ['a value of a split that is none', withKey('split.count', 'x'), /split\.count/],
    [
      'a long key that ends the file',
      Uint8Array.from([...writeGguf(tinyGguf()).subarray(0, 24), ...text('a'.repeat(600))]),
      /truncated/,
    ],
  ])('%s', async (_, bytes, message) => {
    const error = await openError(bytes);
    expect(error.code).toBe('bad-model');
    expect(error.message).toMatch(message);
  });

  it('reads little of a file of many gigabytes whose lengths are absurd', async () => {
    const size = 2 ** 43;
    for (const key of ['general.description', 'tokenizer.chat_template', 'tokenizer.huggingface.json']) {
      for (const raw of [
        new Raw(...u32Bytes(8), ...u64Bytes(2 ** 42)),
        new Raw(...u32Bytes(9), ...u32Bytes(6), ...u64Bytes(2 ** 40)),
        new Raw(...u32Bytes(9), ...u32Bytes(8), ...u64Bytes(3_999_999)),
      ]) {
        const start = withKey(key, raw).subarray(0, 512);
        let bytesRead = 0;
        const source: ByteSource = {
          name: 'bad.gguf',
          size,
          read(offset, length) {
            bytesRead += length;
            const bytes = new Uint8Array(length);
            if (offset < start.length) bytes.set(start.subarray(offset, offset + length));
            return Promise.resolve(bytes);
          },
          blob: () => Promise.reject(new Error('not asked for')),
        };
        const error = await openError(source);
        expect(error.code).toBe('bad-model');
        expect(bytesRead).toBeLessThan(64 * 1024 * 1024);
      }
    }
  });
});

describe('fuzz', () => {
  /** Deterministic numbers in [0, 1) (mulberry32). */
  const random = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const sound = writeGguf(tinyGguf());

  /** Opens and reads everything; only typed errors may come out. Returns whether it could be read. */
  async function survive(bytes: Uint8Array): Promise<boolean> {
    const start = performance.now();
    try {
      const { embedding, head, layers } = await openGguf([memorySource('fuzz.gguf', bytes)]);
      for (const matrix of [
        embedding,
        head,
        ...layers.flatMap(({ qkv, output, gateUp, down }) => [qkv, output, gateUp, down]),
      ])
        await matrix.read(0, matrix.rows);
      return true;
    } catch (error) {
      if (!(error instanceof PhiError) || (error.code !== 'bad-model' && error.code !== 'unsupported-model'))
        throw error;
      return false;
    } finally {
      expectWithin(performance.now() - start, 1000);
    }
  }

  it('survives truncation at every byte of the header and some of the data', async () => {
    const dataStart = sound.length - 8192;
    for (let length = 0; length < sound.length; length += length < dataStart ? 1 : 97)
      expect(await survive(sound.subarray(0, length)), `${length} bytes`).toBe(false);
    expect(await survive(sound)).toBe(true);
  });

  it.each([1, 2, 3])('survives flipped, overwritten and inserted bytes (seed %i)', async (seed) => {
    const next = random(seed);
    let failed = 0;
    for (let round = 0; round < 1500; round++) {
      let bytes = sound.slice();
      for (let change = 0; change <= next() * 3; change++) {
        const at = Math.floor(next() * 1800);
        const kind = next();
        if (kind < 0.5) bytes[at]! ^= 1 << Math.floor(next() * 8);
        else if (kind < 0.7)
          bytes.set(
            Uint8Array.from({ length: 8 }, () => next() * 256),
            at,
          );
        else if (kind < 0.8) bytes.fill(255, at, at + 8);
        else if (kind < 0.9) bytes.fill(0, at, at + 8);
        else bytes = Uint8Array.from([...bytes.subarray(0, at), next() * 256, ...bytes.subarray(at)]);
      }
      if (!(await survive(bytes))) failed++;
    }
    expect(failed).toBeGreaterThan(500);
  });
});
