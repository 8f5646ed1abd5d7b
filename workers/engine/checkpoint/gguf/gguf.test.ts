import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blobSource } from '../../../store/bytes.ts';
import { dequantise } from '../../weights/rows.ts';
import { openGguf } from './gguf.ts';
import { parseGguf } from './parse.ts';
import { locateTensors, tensorMatrix } from './tensors.ts';
import { readHfConfig } from '../hf-config.ts';
import { compareLogits, ggufSource, memorySource, readExpected } from '../testing/fixtures.ts';
import { referenceJson, referenceNames } from '../../../testing/references.ts';
import { TOKENIZERS, vocabularyFile } from '../../tokenizer/testing/references.ts';
import { float16Gguf } from '../testing/float-models.ts';
import { splitGguf, tinyGguf, type WrittenTensor, writeGguf } from '../testing/gguf-writer.ts';

const source = (bytes: Uint8Array, name = 'tiny.gguf') => memorySource(name, bytes);

describe('openGguf', () => {
  it('reads config, tokenizer, template and weights', async () => {
    const checkpoint = await openGguf([source(writeGguf(tinyGguf()))]);
    expect(checkpoint.config).toEqual({
      name: 'tiny',
      layers: 1,
      hidden: 32,
      heads: 2,
      kvHeads: 2,
      headDim: 16,
      intermediate: 64,
      vocab: 8,
      normEps: Math.fround(1e-5),
      ropeTheta: 10_000,
      rotaryDim: 16,
      ropeScaling: null,
      context: 128,
      slidingWindow: null,
      bos: null,
      eos: [5, 6],
    });
    expect(checkpoint.chatTemplate).toBe('{{ messages }}');
    expect(checkpoint.head).toBe(checkpoint.embedding);
    expect(checkpoint.layers[0]?.gateUp).toMatchObject({
      rows: 128,
      cols: 32,
      type: 'Q4_0',
      form: { kind: 'blocks', bits: 4, block: 32, symmetric: true },
    });
    const { tokenizer } = checkpoint;
    // The byte order mark is part of the token.
    expect(tokenizer.kind === 'gguf' && (tokenizer.metadata.get('tokenizer.ggml.tokens') as string[])[7]).toBe(
      '\ufeffé',
    );
    expect(tokenizer.kind === 'gguf' && tokenizer.metadata.has('general.name')).toBe(false);
  });

  it('multiplies a matrix by the scale beside it, as NVFP4 models from ModelOpt have one', async () => {
    const plain = tinyGguf();
    const [before] = (await openGguf([source(writeGguf(plain))])).layers;
    const scalar = (name: string, value: number) =>
      plain.tensors.push({ name, dims: [1], type: 0, data: new Uint8Array(Float32Array.of(value).buffer) });
    scalar('blk.0.attn_qkv.scale', 0.25);
    scalar('blk.0.attn_qkv.input_scale', 7); // for kernels that quantise activations: no part of the weights
    const [after] = (await openGguf([source(writeGguf(plain))])).layers;
    const values = async (layer = before!) => dequantise(await layer.qkv.read(5, 2));
    expect([...(await values(after))]).toEqual(Array.from(await values(), (value) => value * 0.25));
    expect(await after!.output.read(0, 1)).toEqual(await before!.output.read(0, 1));
    scalar('blk.0.ffn_norm.scale', 2);
    await expect(openGguf([source(writeGguf(plain))])).rejects.toThrow('"blk.0.ffn_norm.scale"');
    plain.tensors.pop();
    plain.tensors.push({ name: 'blk.0.ffn_down.scale', dims: [5], type: 0, data: new Uint8Array(20) });
    await expect(openGguf([source(writeGguf(plain))])).rejects.toThrow('has 5 values for 32 rows');
  });

  it('reads version 2 and another alignment', async () => {
    const { metadata, tensors } = tinyGguf();
    metadata.set('general.alignment', 128);
    const { norm } = await openGguf([source(writeGguf({ version: 2, metadata, tensors, alignment: 128 }))]);
    expect([...norm.subarray(0, 3)]).toEqual([1, 1 + 1 / 64, 1 + 2 / 64]);
  });

  it('reads rows from anywhere in a matrix', async () => {
    const { layers } = await openGguf([source(writeGguf(tinyGguf()))]);
    const { down } = layers[0]!;
    const whole = dequantise(await down.read(0, 32));
    expect(dequantise(await down.read(9, 4))).toEqual(whole.subarray(9 * 64, 13 * 64));
    await expect(down.read(30, 3)).rejects.toThrow(RangeError);
  });

  it('reads the parts of a split model in any order, and names a missing one', async () => {
    const parts = splitGguf(tinyGguf(), 3).map((bytes, i) => source(bytes, `tiny-0000${i + 1}-of-00003.gguf`));
    const whole = await openGguf([source(writeGguf(tinyGguf()))]);
    const joined = await openGguf([parts[2]!, parts[0]!, parts[1]!]);
    expect(joined.config).toEqual(whole.config);
    expect(await joined.layers[0]!.down.read(0, 32)).toEqual(await whole.layers[0]!.down.read(0, 32));
    await expect(openGguf([parts[0]!, parts[2]!])).rejects.toThrow('tiny-00002-of-00003.gguf is missing');
    await expect(openGguf([parts[1]!])).rejects.toThrow('tiny-00001-of-00003.gguf is missing');
    await expect(openGguf([parts[0]!, parts[0]!, parts[1]!])).rejects.toThrow('both part 1 of 3');
    await expect(openGguf([parts[0]!, source(writeGguf(tinyGguf()), 'other.gguf')])).rejects.toThrow(
      'not parts of one split model',
    );
  });

  it.each([
    ['linear', { 'phi3.rope.scaling.type': 'linear', 'phi3.rope.scaling.factor': 4 }, 4, 1],
    ['an attention factor alone', { 'phi3.rope.scaling.attn_factor': 1.5 }, 1, 1.5],
  ])('represents rope scaling: %s', async (_, keys, factor, attentionFactor) => {
    const { metadata, tensors } = tinyGguf();
    for (const [key, value] of Object.entries(keys)) metadata.set(key, value);
    const { config } = await openGguf([source(writeGguf({ metadata, tensors }))]);
    const set = new Float32Array(8).fill(factor);
    expect(config.ropeScaling).toEqual({ long: set, short: set, attentionFactor, originalContext: 128 });
  });

  it('computes the attention factor of LongRoPE where the file has none, and takes Llama 3 factors for both sets', async () => {
    const { metadata, tensors } = tinyGguf();
    const factors = (name: string): WrittenTensor => ({
      name,
      dims: [8],
      type: 0,
      data: new Uint8Array(new Float32Array(8).fill(2).buffer),
    });
    metadata.set('phi3.rope.scaling.original_context_length', 32);
    const long = [factors('rope_factors_long.weight'), factors('rope_factors_short.weight')];
    const { config } = await openGguf([source(writeGguf({ metadata, tensors: [...tensors, ...long] }))]);
    expect(config.ropeScaling).toMatchObject({
      attentionFactor: Math.sqrt(1 + Math.log(4) / Math.log(32)),
      originalContext: 32,
    });
    const llama3 = await openGguf([
      source(writeGguf({ metadata, tensors: [...tensors, factors('rope_freqs.weight')] })),
    ]);
    expect(llama3.config.ropeScaling).toMatchObject({
      attentionFactor: 1,
      originalContext: 128,
      short: new Float32Array(8).fill(2),
    });
  });

  it('knows the window of Phi-3-mini-4k files that were made before it was written, and drops one that the context cannot reach', async () => {
    const windowOf = async (keys: Record<string, number>) => {
      const { metadata, tensors } = tinyGguf();
      for (const [key, value] of Object.entries(keys)) metadata.set(key, value);
      const layers = Array.from({ length: metadata.get('phi3.block_count') as number }, (_, i) =>
        tensors
          .filter(({ name }) => name.startsWith('blk.0.'))
          .map((tensor) => ({ ...tensor, name: tensor.name.replace('.0.', `.${i}.`) })),
      );
      const outside = tensors.filter(({ name }) => !name.startsWith('blk.'));
      return (await openGguf([source(writeGguf({ metadata, tensors: [...outside, ...layers.flat()] }))])).config
        .slidingWindow;
    };
    expect(await windowOf({ 'phi3.block_count': 32, 'phi3.context_length': 4096 })).toBe(2047);
    expect(
      await windowOf({ 'phi3.block_count': 32, 'phi3.context_length': 4096, 'phi3.attention.sliding_window': 0 }),
    ).toBeNull();
    expect(await windowOf({ 'phi3.attention.sliding_window': 64 })).toBe(64);
    expect(await windowOf({ 'phi3.attention.sliding_window': 262_144 })).toBeNull();
  });

  it('stops at every token of Phi-3: 32000, 32001 and 32007', async () => {
    const { metadata, tensors } = tinyGguf();
    metadata.set('tokenizer.ggml.model', 'llama');
    metadata.set('tokenizer.ggml.tokens', [
      '<unk>',
      '<s>',
      '</s>',
      '<|endoftext|>',
      '<|assistant|>',
      '<|end|>',
      'x',
      'y',
    ]);
    metadata.set('tokenizer.ggml.token_type', Int32Array.of(2, 3, 4, 3, 3, 3, 1, 1));
    metadata.set('tokenizer.ggml.eos_token_id', 3);
    const { config } = await openGguf([source(writeGguf({ metadata, tensors }))]);
    expect([...config.eos].sort()).toEqual([3, 4, 5]);
  });
});

describe('the starter', () => {
  const folder = join(import.meta.dirname, '../../../../public/models/smollm2-135m-instruct-q4_1');
  const shards = readdirSync(folder)
    .filter((name) => /\.gguf\.\d\d$/.test(name))
    .sort();
  const starter = blobSource('starter.gguf', new Blob(shards.map((name) => readFileSync(join(folder, name)))));

  it('is the network of its config.json', async () => {
    const { config, chatTemplate, embedding, head } = await openGguf([starter]);
    expect(config).toMatchObject({
      layers: 30,
      hidden: 576,
      heads: 9,
      kvHeads: 3,
      headDim: 64,
      intermediate: 1536,
      vocab: 49152,
      context: 8192,
    });
    expect(config).toMatchObject({
      ropeTheta: 100_000,
      rotaryDim: 64,
      ropeScaling: null,
      slidingWindow: null,
      bos: 1,
      eos: [2, 0],
    });
    expect(chatTemplate).toContain('<|im_start|>system');
    expect(head).toBe(embedding);
  });

  it('has q and k rows put back: row i of a half comes from 2i or 2i + 1, v rows as they are', async () => {
    const { layers } = await openGguf([starter]);
    const tensors = locateTensors([await parseGguf(starter)]);
    const raw = async (name: string) =>
      dequantise(
        await tensorMatrix(tensors.get(`blk.3.attn_${name}.weight`)!).read(
          0,
          tensors.get(`blk.3.attn_${name}.weight`)!.rows,
        ),
      );
    const [q, k, v] = [await raw('q'), await raw('k'), await raw('v')];
    const { qkv } = layers[3]!;
    const row = async (i: number) => dequantise(await qkv.read(i, 1));
    const of = (values: Float32Array, i: number) => values.subarray(i * 576, (i + 1) * 576);
    expect(await row(64 + 5)).toEqual(of(q, 64 + 10));
    expect(await row(64 + 32 + 5)).toEqual(of(q, 64 + 11));
    expect(await row(576 + 128 + 31)).toEqual(of(k, 128 + 62));
    expect(await row(576 + 192 + 70)).toEqual(of(v, 70));
    // A range over heads, and over the seam of k and v, equals its rows one by one.
    const range = dequantise(await qkv.read(700, 80));
    for (let i = 0; i < 80; i++) expect(of(range, i)).toEqual(await row(700 + i));
  });
});

describe('fixtures', () => {
  const kinds = ['phi3-mini-4k', 'phi3.5-mini', 'phi4-mini', 'phi4'];
  const files = kinds.flatMap((kind) =>
    referenceNames(`phi/${kind}/gguf`)
      .filter((name) => name.endsWith('.gguf'))
      .map((name) => ({ kind, name })),
  );
  const open = (kind: string, name: string) => openGguf([ggufSource(kind, name)]);

  it.each(kinds)('%s has the config of its config.json', async (kind) => {
    const { config } = await open(kind, files.find((file) => file.kind === kind)!.name);
    const expected = readHfConfig(referenceJson(`phi/${kind}/config.json`), null, 'config.json').config;
    const scaling = expected.ropeScaling && {
      ...expected.ropeScaling,
      attentionFactor: Math.fround(expected.ropeScaling.attentionFactor),
    };
    expect(config).toEqual({
      ...expected,
      name: `tiny ${kind}`,
      normEps: Math.fround(expected.normEps),
      ropeScaling: scaling,
      eos: [5, 3],
    });
  });

  // The longest prompt takes half a second in plain loops, so it is for one file of a kind.
  it.each(files)('$kind/$name gives the logits of its reference', async ({ kind, name }) => {
    const expected = readExpected(`${kind}/gguf/${name.replace('.gguf', '.expected.json')}`);
    const cases = name === 'q4_k_m.gguf' ? expected.cases : expected.cases.slice(0, 2);
    const { error, greedyEqual } = await compareLogits(await open(kind, name), { cases });
    expect(error).toBeLessThan(0.001);
    expect(greedyEqual).toBe(true);
  });

  it('gives the same logits when the model is rewritten as a llama one', async () => {
    const header = await parseGguf(ggufSource('phi4', 'q4_0.gguf'));
    const tensors: WrittenTensor[] = [];
    for (const { name, rows, cols, type, source, offset } of locateTensors([header]).values()) {
      const stride = (cols / type.elements) * type.bytes;
      const data = await source.read(offset, rows * stride);
      const id = header.tensors.find((info) => info.name === name)!.type;
      const part = (to: string, from: number, count: number, order = (row: number) => row) => {
        const out = new Uint8Array(count * stride);
        for (let row = 0; row < count; row++)
          out.set(data.subarray((from + order(row)) * stride).subarray(0, stride), row * stride);
        tensors.push({ name: name.replace(/\w+\.weight$/, `${to}.weight`), dims: [cols, count], type: id, data: out });
      };
      // llama.cpp's converter: a head [2, 32] becomes [32, 2], so that row 2i + p is the old row 32p + i.
      const interleave = (row: number) => row - (row % 64) + (row % 2) * 32 + ((row % 64) >> 1);
      if (name.endsWith('attn_qkv.weight')) {
        part('attn_q', 0, 256, interleave);
        part('attn_k', 256, 128, interleave);
        part('attn_v', 384, 128);
      } else if (name.endsWith('ffn_up.weight')) {
        part('ffn_gate', 0, 512);
        part('ffn_up', 512, 512);
      } else tensors.push({ name, dims: rows === 1 ? [cols] : [cols, rows], type: id, data });
    }
    const metadata = [...header.metadata].map(
      ([key, value]) => [key.replace('phi3.', 'llama.'), key === 'general.architecture' ? 'llama' : value] as const,
    );
    const checkpoint = await openGguf([source(writeGguf({ metadata, tensors }))]);
    const { error } = await compareLogits(checkpoint, readExpected('phi4/gguf/q4_0.expected.json'));
    expect(error).toBeLessThan(0.001);
  });

  it.each(TOKENIZERS)('reads the whole vocabulary of %s, and says that there are no weights', async (name) => {
    const file = source(vocabularyFile(name), 'vocab.gguf');
    const { metadata } = await parseGguf(file);
    const tokens = metadata.get('tokenizer.ggml.tokens') as string[];
    const { model } = referenceJson(`tokenizers/${name}/tokenizer.json`) as {
      model: { vocab: Record<string, number> };
    };
    expect(Object.keys(model.vocab).length).toBeGreaterThanOrEqual(32_000);
    for (const [token, id] of Object.entries(model.vocab)) if (tokens[id] !== token) expect(tokens[id]).toBe(token);
    await expect(openGguf([file])).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('no weights') as string,
    });
  });

  it('reads float16', async () => {
    const { error, greedyEqual } = await compareLogits(
      await openGguf([source(await float16Gguf('phi4', 'q4_0.gguf'))]),
      readExpected('phi4/expected.json'),
    );
    expect(error).toBeLessThan(0.001);
    expect(greedyEqual).toBe(true);
  });
});
