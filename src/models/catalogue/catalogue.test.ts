import { describe, expect, it } from 'vitest';
import { recommend } from '../../../workers/shared/advisor/recommend.ts';
import type { DeviceFacts } from '../../../workers/shared/advisor/device.ts';
import { LAPTOP } from '../../../workers/shared/advisor/testing/laptop.ts';
import { parameterCount } from '../../../workers/shared/advisor/weights.ts';
import { PhiError } from '../../../workers/shared/errors.ts';
import { isComplete, validateHubModel } from '../../../workers/shared/hub.ts';
import { isSafePath, MAX_SHARD_BYTES, validateManifest } from '../../../workers/shared/manifest.ts';
import moreFacts from '../../../scripts/make/catalogue/more-facts.json';
import data from './catalogue.json';
import { MODELS, readCatalogue, toHubModel, toManifest, VARIANTS } from './catalogue.ts';
import { mixOf } from './mix.ts';

const variant = (id: string) => VARIANTS.find((candidate) => candidate.id === id)!;
const MINI = 'phi-4-mini-instruct.gguf-q4_k_m';

describe('the catalogue', () => {
  it('has the models, those of up to 14 billion weights that most people ask for in several formats', () => {
    const many = [
      'phi-4-mini-instruct',
      'phi-4-mini-reasoning',
      'phi-3.5-mini-instruct',
      'phi-3-mini-4k-instruct',
      'phi-3-mini-128k-instruct',
      'phi-4',
    ];
    expect(MODELS.map(({ id }) => id)).toEqual([
      ...many,
      'phi-tiny-moe-instruct',
      'phi-mini-moe-instruct',
      'phi-4-reasoning',
      'phi-4-reasoning-plus',
      'phi-3-medium-4k-instruct',
      'phi-3-medium-128k-instruct',
    ]);
    for (const { id, variants } of MODELS.filter((model) => many.includes(model.id)))
      expect(new Set(variants.map(({ format }) => format)).size, id).toBeGreaterThan(2);
  });

  it('has ids that are unique, paths that are safe and names that tell what it is', () => {
    expect(new Set(VARIANTS.map(({ id }) => id)).size).toBe(VARIANTS.length);
    for (const { id, name, files, folder, model } of VARIANTS) {
      expect(name, id).toContain(model.name);
      for (const { path } of files) expect(isSafePath(path) && path.startsWith(folder), `${id}: ${path}`).toBe(true);
      expect(new Set(files.map(({ path }) => path)).size, id).toBe(files.length);
    }
  });

  it('has with every form the files that its reader needs', () => {
    for (const { id, format, files } of VARIANTS) {
      const names = files.filter(({ optional }) => !optional).map(({ path }) => path.split('/').at(-1)!);
      const weights = {
        gguf: /\.gguf$/,
        'onnx-genai': /\.onnx\.data$/,
        'onnx-web': /\.onnx_data$/,
        safetensors: /\.safetensors$/,
      }[format];
      expect(
        names.some((name) => weights.test(name)),
        id,
      ).toBe(true);
      if (format !== 'gguf') expect(names, id).toContain('tokenizer.json');
      if (format === 'onnx-genai') expect(names, id).toContain('genai_config.json');
      if (format === 'safetensors' || format === 'onnx-web') expect(names, id).toContain('config.json');
      // A transformers.js repository's own genai_config.json may name another precision than the one chosen here.
      if (format === 'onnx-web') expect(names, id).not.toContain('genai_config.json');
    }
  });

  it('has sizes that agree with the number of weights and their bits', () => {
    for (const { id, bits, sourceBytes, shape, model } of VARIANTS) {
      const perWeight = (8 * sourceBytes) / parameterCount(shape, model.tied);
      expect(perWeight, id).toBeGreaterThan(bits - 0.01);
      // Embeddings as 32-bit floats beside 4-bit layers are the most.
      expect(perWeight, id).toBeLessThan(bits < 16 ? 2.7 * Math.max(bits, 4) : 16.2);
    }
  });

  it('repeats what was published, whole and not by its first digits', () => {
    expect(variant(MINI).files).toEqual([
      {
        path: 'microsoft_Phi-4-mini-instruct-Q4_K_M.gguf',
        bytes: 2_491_874_688,
        sha256: '01999f17c39cc3074afae5e9c539bc82d45f2dd7faa3917c66cbef76fce8c0c2',
      },
    ]);
    // A fake hash with the same beginning is about.
    expect(variant('phi-3.5-mini-instruct.gguf-q4_k_m').files[0]!.sha256).toBe(
      'e4165e3a71af97f1b4820da61079826d8752a2088e313af0c7d346796c38eff5',
    );
    expect(variant('phi-3-mini-4k-instruct.onnx-cpu').files.map(({ bytes }) => bytes)).toEqual([
      231_335, 2_722_861_056, 1576, 1_937_869, 919, 3441,
    ]);
  });

  it('names the public page of every figure that was collected here, with whole hashes and commits', () => {
    for (const fact of moreFacts) {
      if (fact.kind === 'meta') continue;
      expect(fact.source, JSON.stringify(fact)).toMatch(/https:\/\/|LocalAI/);
      if (fact.revision && fact.revision !== 'unknown') expect(fact.revision).toMatch(/^[0-9a-f]{40}$/);
      for (const { sha256 } of fact.files ?? []) expect(sha256).toMatch(/^([0-9a-f]{64}|unknown)$/);
    }
    const medium = variant('phi-3-medium-4k-instruct.gguf-q4_k_m');
    expect(medium).toMatchObject({ sized: true, hashed: true, revision: '2469e1eae762bd74f61b43e08840284cd35fd0be' });
    const mixture = variant('phi-mini-moe-instruct.gguf-q4_k_s');
    expect(mixture).toMatchObject({ sized: true, hashed: true, shape: { experts: { count: 16 }, intermediate: 960 } });
    expect(parameterCount(mixture.shape, false) / 1e9).toBeCloseTo(7.65, 2);
    expect(variant('phi-tiny-moe-instruct.gguf-q8_0').files[0]!.sha256).toBeUndefined();
  });

  it('invents nothing: no hash or exact size of what is not known, no commit but a whole one', () => {
    const unknown = variant('phi-4-mini-reasoning.onnx-cpu');
    expect(unknown.files.every(({ bytes, sha256 }) => bytes === undefined && sha256 === undefined)).toBe(true);
    expect(unknown.sized).toBe(false);
    expect(unknown.hashed).toBe(false);
    expect(variant('phi-4-mini-instruct.onnx-web').revision).toBeNull(); // only seven digits are known
  });

  it.each([
    ['an unknown licence', { licence: 'unknown' }],
    ['a field that nobody reads', { surprise: 1 }],
    ['no variants', { variants: [] }],
  ])('would not be read with %s', (_, change) => {
    expect(() => readCatalogue([{ ...data[0], ...change }])).toThrow();
    expect(readCatalogue([data[0]])).toHaveLength(1);
  });
});

describe('toManifest', () => {
  it('cuts a model of which everything is known into shards at its commit', () => {
    const manifest = toManifest(variant(MINI));
    expect(validateManifest(manifest)).toEqual(manifest);
    expect(manifest).toMatchObject({
      id: MINI,
      bytes: 2_491_874_688,
      licence: { spdx: 'MIT' },
      source: { revision: variant(MINI).revision },
    });
    const [file] = manifest.files;
    expect(file!.shards[0]!.url).toBe(
      'https://huggingface.co/bartowski/microsoft_Phi-4-mini-instruct-GGUF/resolve/7ff82c2aaa4dde30121698a973765f39be5288c0/microsoft_Phi-4-mini-instruct-Q4_K_M.gguf',
    );
    expect(file!.shards.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(file!.bytes);
    expect(Math.max(...file!.shards.map(({ bytes }) => bytes))).toBeLessThanOrEqual(MAX_SHARD_BYTES);
  });

  it('puts a folder of a repository at the top level of the model', () => {
    const { files } = toManifest(variant('phi-4-mini-instruct.onnx-cpu'));
    expect(files.map(({ path }) => path)).toEqual([
      'model.onnx',
      'model.onnx.data',
      'genai_config.json',
      'tokenizer.json',
      'config.json',
      'tokenizer_config.json',
    ]);
  });

  it('keeps the folder onnx/ of the transformers.js layout, beside the tokenizer', () => {
    const paths = toHubModel(variant('phi-3-mini-4k-instruct.onnx-web-q4')).files.map(({ path }) => path);
    expect(paths).toContain('onnx/model_q4.onnx_data');
    expect(paths).toContain('tokenizer.json');
  });

  it('takes another base: a mirror, or a file server in the intranet', () => {
    const { files } = toManifest(variant(MINI), { baseUrl: 'http://10.0.0.7:8080/hf/' });
    expect(files[0]!.shards[0]!.url).toMatch(/^http:\/\/10\.0\.0\.7:8080\/hf\/bartowski\//);
  });

  it('refuses what has sizes to be asked for, naming the files', () => {
    const web = variant('phi-4-mini-instruct.onnx-web');
    expect(() => toManifest(web)).toThrow(PhiError);
    expect(() => toManifest(web)).toThrow(/onnx\/model_q4f16\.onnx_data/);
  });
});

describe('toHubModel', () => {
  it('describes every variant so that the worker takes it', () => {
    for (const each of VARIANTS) expect(validateHubModel(toHubModel(each)).id).toBe(each.id);
  });

  it('leaves nothing to be asked where everything is published', () => {
    const complete = VARIANTS.filter((each) => isComplete(toHubModel(each)));
    expect(complete.length).toBeGreaterThan(20);
    for (const each of complete) expect(toManifest(each).files.length, each.id).toBe(each.files.length);
  });

  it('does not hand rounded sizes over as exact ones', () => {
    const files = toHubModel(variant('phi-4.gguf-unsloth-q4_k_m')).files;
    expect(files).toEqual([
      { path: 'phi-4-Q4_K_M.gguf', bytes: undefined, sha256: expect.stringMatching(/^01e1f25b/) as string },
    ]);
  });
});

describe('what is recommended', () => {
  const device = { ...LAPTOP, freeStorageBytes: 200e9 };

  it('is Phi-4-mini: in 4 bits for chat, in 8 for code, with published hashes', () => {
    expect(recommend(VARIANTS, device, 'chat', 4096)?.candidate.id).toBe(MINI);
    expect(recommend(VARIANTS, device, 'code', 4096)?.candidate.id).toBe('phi-4-mini-instruct.gguf-q8_0');
  });

  it('is a mixture of experts where there is no GPU and a Phi-4-mini would be slow: a token reads a part of it', () => {
    const noGpu = { ...device, gpu: null, cores: 4 };
    const best = (facts: DeviceFacts, use: 'chat' | 'code') => recommend(VARIANTS, facts, use, 4096)?.candidate.id;
    expect(best(noGpu, 'chat')).toBe('phi-mini-moe-instruct.gguf-q4_k_m');
    // Its 7.6 billion weights take 8 GB in memory, those of Phi-tiny-MoE 4.
    expect(best({ ...noGpu, memoryGiB: 8 }, 'chat')).toBe('phi-tiny-moe-instruct.gguf-q8_0');
    expect(best(noGpu, 'code')).toBe('phi-tiny-moe-instruct.gguf-q8_0');
  });

  it('is a smaller file where the store is short of room, and nothing on an iPhone', () => {
    expect(recommend(VARIANTS, { ...device, freeStorageBytes: 3.5e9 }, 'code', 4096)?.candidate.id).toBe(
      'phi-4-mini-instruct.gguf-q6_k',
    );
    expect(recommend(VARIANTS, { ...device, memoryGiB: null, phone: true, ios: true }, 'chat', 2048)).toBeNull();
  });
});

describe('mixOf', () => {
  it('knows what of a quantisation stays in 4 bits on a GPU', () => {
    expect(mixOf('gguf', 'Q4_K_M', 4, true)).toMatchObject({
      qkv: 8,
      gateUp: 4,
      down8: 0.5,
      head: 8,
      embedding: 'tied',
      shift: 'mins',
    });
    expect(mixOf('gguf', 'Q4_0', 4, false)).toMatchObject({ qkv: 4, down8: 0, head: 8, embedding: 4, shift: 'none' });
    expect(mixOf('gguf', 'Q6_K', 6, true)).toMatchObject({ qkv: 8, down8: 1, block: 16 });
    expect(mixOf('onnx-genai', 'int4 AWQ, block 128', 4, true)).toMatchObject({
      head: 4,
      embedding: 'float',
      block: 128,
      shift: 'zero-points',
    });
  });
});
