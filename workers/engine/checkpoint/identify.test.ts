import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../store/bytes.ts';
import { identify } from './identify.ts';
import { folderFiles, memorySource } from './testing/fixtures.ts';

const text = (name: string, content: string): [string, ByteSource] => [
  name,
  memorySource(name, new TextEncoder().encode(content)),
];
const under = (root: string, files: Map<string, ByteSource>): [string, ByteSource][] =>
  [...files].map(([path, source]) => [root + path, source]);

describe('identify', () => {
  it('opens every model, in folders too, and says what it is', async () => {
    const files = new Map<string, ByteSource>([
      ...under('phi/', folderFiles('phi4-mini/onnx-webgpu-int4')),
      ...under('mlx/', folderFiles('phi4-mini/mlx-4bit')),
      ...under('ov/', folderFiles('phi4-mini/openvino-int4')),
      ...under('', folderFiles('phi4-mini/gguf')),
      text('README.md', '# Hello'),
    ]);
    const found = await identify(files, 20);
    expect(found.map(({ error }) => error)).toEqual(found.map(() => null));
    const byName = new Map(found.map((model) => [model.name, model]));
    expect(byName.get('q5_k_m.gguf')).toMatchObject({ format: 'gguf', root: '', paths: ['q5_k_m.gguf'] });
    expect(byName.get('q5_k_m.gguf')?.what).toMatch(/^GGUF, .*Q5_K.*, /);
    expect(byName.get('phi/')?.what).toMatch(/^ONNX, /);
    expect(byName.get('phi/')?.paths).toContain('phi/tokenizer.json');
    expect(byName.get('ov/openvino_model.xml')?.what).toMatch(/^OpenVINO, /);
    expect([...byName.values()].find(({ root }) => root === 'mlx/')?.what).toMatch(/^MLX, /);
    expect(found.every(({ paths }) => !paths.includes('README.md'))).toBe(true);
  }, 60_000);

  it('leaves the rest of a large folder unopened', async () => {
    const found = await identify(folderFiles('phi4-mini/gguf'), 1);
    expect(found.filter(({ what }) => what !== null)).toHaveLength(1);
  });
});

describe('the name of a model', () => {
  const shards = (folder: string) => {
    const files = new Map<string, ByteSource>(folderFiles('phi4-mini/mlx-4bit'));
    const [path, source] = [...files].find(([name]) => name.endsWith('.safetensors'))!;
    for (const replaced of [path, 'model.safetensors.index.json']) files.delete(replaced);
    files.set('model-00001-of-00002.safetensors', source);
    files.set(...text('model-00002-of-00002.safetensors', '\u0002\0\0\0\0\0\0\0{}'));
    return new Map(under(folder, files));
  };

  it.each([
    ['Phi-4-mini', 'Phi-4-mini/'],
    ['Phi-4', 'models--microsoft--Phi-4/snapshots/0123456789abcdef0123456789abcdef01234567/'],
    // Nothing around it says its name, so the shape does.
    ['Phi-3 family', ''],
    ['Phi-3 family', 'Downloads/'],
  ])('of several files is %s in the folder "%s"', async (name, folder) => {
    const [model] = await identify(shards(folder));
    expect(model).toMatchObject({ error: null, label: { name } });
  });

  it('of a split GGUF is that of its parts', async () => {
    const found = await identify(
      new Map([1, 2].map((part) => text(`Downloads/phi-q4-0000${part}-of-00002.gguf`, 'x'))),
    );
    expect(found).toMatchObject([{ label: { name: 'phi-q4' } }]);
  });
});

describe('identify', () => {
  it.each([
    ['Phi-3-small', { architectures: ['Phi3SmallForCausalLM'] }],
    ['mixture of experts', { architectures: ['MixtralForCausalLM'], num_local_experts: 8 }],
    ['vision', { architectures: ['Phi3VForCausalLM'] }],
    ['Phi-4-mini-flash', { architectures: ['Phi4FlashForCausalLM'] }],
    ['Phi-2', { architectures: ['PhiForCausalLM'] }],
  ])('names a kind that does not run: %s', async (kind, config) => {
    const files = new Map([
      text('m/config.json', JSON.stringify(config)),
      text('m/model.safetensors', '\u0002\0\0\0\0\0\0\0{}'),
      text('m/tokenizer.json', '{}'),
    ]);
    const [model] = await identify(files);
    expect(model).toMatchObject({
      root: 'm/',
      what: null,
      error: { code: 'unsupported-model', message: expect.stringContaining(kind) as string },
    });
  });

  it('says what was found where there is no model', async () => {
    await expect(identify(new Map([text('notes.txt', 'x')]))).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringContaining('notes.txt') as string,
    });
    await expect(identify(new Map())).rejects.toMatchObject({ code: 'bad-request' });
  });
});
