import { describe, expect, it } from 'vitest';
import type { ModelFiles } from '../../../store/bytes.ts';
import { identify } from '../identify.ts';
import { openCheckpoint } from '../open.ts';
import { memorySource } from '../testing/fixtures.ts';
import { tinyGguf, writeGguf } from '../testing/gguf-writer.ts';

const gguf = () => writeGguf(tinyGguf());
const text = (value: string) => new TextEncoder().encode(value);
const filesOf = (files: Record<string, Uint8Array | string>): ModelFiles =>
  new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      memorySource(path, typeof content === 'string' ? text(content) : content),
    ]),
  );

const hash = (digit: string) => digit.repeat(64);
const blob = (digit: string) => `sha256-${hash(digit)}`;
const layer = (kind: string, digit: string) => ({
  mediaType: `application/vnd.ollama.image.${kind}`,
  digest: `sha256:${hash(digit)}`,
});
const manifest = (...layers: object[]) => JSON.stringify({ schemaVersion: 2, layers });
const whole = manifest(layer('model', 'a'), layer('template', 'b'), layer('license', 'c'), layer('params', 'd'));
const blobs = (folder = '') => ({
  [`${folder}${blob('a')}`]: gguf(),
  [`${folder}${blob('b')}`]: '{{ .Prompt }}',
  [`${folder}${blob('c')}`]: '\nMIT License\n\nCopyright',
  [`${folder}${blob('d')}`]: '{"stop":["<|end|>"]}',
});

describe('a GGUF by its first four bytes', () => {
  it.each([blob('a'), 'model', 'phi.gguf.part', 'phi.GGUF.1', 'model.bin', 'phi.txt', 'phi.safetensors', 'phi.onnx'])(
    'is opened under the name %s',
    async (name) => {
      expect((await openCheckpoint(filesOf({ [name]: gguf() }))).format).toBe('gguf');
      const found = await identify(filesOf({ [`folder/${name}`]: gguf(), 'folder/notes.md': 'about it' }));
      expect(found).toMatchObject([{ error: null, paths: expect.arrayContaining([`folder/${name}`]) as string[] }]);
    },
  );

  it('is called by its own name where the file is named by a hash', async () => {
    const [found] = await identify(filesOf({ [blob('a')]: gguf() }));
    expect(found?.label).toEqual({ name: (await openCheckpoint(filesOf({ x: gguf() }))).config.name });
  });

  it('leaves files alone whose endings say that they are something else', async () => {
    const read: string[] = [];
    const files = new Map(
      [
        ...filesOf({ 'phi.gguf': gguf(), 'README.md': 'x'.repeat(99), LICENSE: 'y'.repeat(99), 'config.json': '{}' }),
      ].map(([path, source]) => [
        path,
        { ...source, read: (at: number, length: number) => (read.push(path), source.read(at, length)) },
      ]),
    );
    await openCheckpoint(files);
    expect(new Set(read)).toEqual(new Set(['phi.gguf']));
  });
});

describe('Ollama', () => {
  const place = 'manifests/registry.ollama.ai/library/phi4-mini/3.8b';

  it.each([
    ['its blobs with the manifest among them', { ...blobs(), manifest: whole }, null],
    ['its blobs with the manifest under its tag', { ...blobs(), latest: whole }, null],
    ['its whole folder', { ...blobs('blobs/'), [place]: whole }, 'phi4-mini:3.8b'],
    [
      'its folder inside another',
      { ...blobs('.ollama/models/blobs/'), [`.ollama/models/${place}`]: whole },
      'phi4-mini:3.8b',
    ],
    ['a model of somebody', { ...blobs('blobs/'), 'manifests/registry.ollama.ai/me/phi/q4': whole }, 'me/phi:q4'],
    [
      'a model of Hugging Face',
      { ...blobs('blobs/'), 'manifests/hf.co/unsloth/phi-4/Q4_K_M': whole },
      'unsloth/phi-4:Q4_K_M',
    ],
  ])('%s is one model', async (_, content, name) => {
    const found = await identify(filesOf(content));
    expect(found).toHaveLength(1);
    const [model] = found;
    expect(model).toMatchObject({ format: 'gguf', error: null, label: { licence: 'MIT' } });
    expect(model?.paths).toHaveLength(5);
    if (name) expect(model).toMatchObject({ name, label: { name } });
    // What is imported is found again.
    const members = new Map(model!.paths.map((path) => [path.slice(model!.root.length), filesOf(content).get(path)!]));
    const checkpoint = await openCheckpoint(members);
    expect(checkpoint.config.name).toBe(model?.label?.name);
    expect(checkpoint.notes).toContain('Licence in the Ollama manifest: MIT License');
  });

  it('says that a Go template is not used where the GGUF has none', async () => {
    const content = tinyGguf();
    content.metadata.delete('tokenizer.chat_template');
    const files = filesOf({ ...blobs(), [blob('a')]: writeGguf(content), manifest: whole });
    expect((await openCheckpoint(files)).notes.join()).toContain("Go's template language");
  });

  it('finds two models that share blobs, and a GGUF that no manifest names', async () => {
    const found = await identify(
      filesOf({
        ...blobs('blobs/'),
        [`blobs/${blob('e')}`]: gguf(),
        [place]: whole,
        'manifests/registry.ollama.ai/library/phi/latest': manifest(layer('model', 'a')),
      }),
    );
    expect(found.map(({ name }) => name).sort()).toEqual([`blobs/${blob('e')}`, 'phi4-mini:3.8b', 'phi:latest']);
  });

  it.each<[string, string, RegExp]>([
    [
      'a missing blob',
      manifest(layer('model', 'f')),
      /sha256-f{64} is missing\. The Ollama manifest of phi4-mini:3\.8b/,
    ],
    ['an adapter', manifest(layer('model', 'a'), layer('adapter', 'b')), /LoRA adapter\. Merge/],
    ['a projector', manifest(layer('model', 'a'), layer('projector', 'b')), /vision part/],
    ['single tensors', manifest(layer('tensor', 'a')), /names no GGUF/],
  ])('refuses %s', async (_, content, message) => {
    const files = filesOf({ ...blobs('blobs/'), [place]: content });
    await expect(openCheckpoint(files)).rejects.toThrow(message);
    expect((await identify(files)).find(({ name }) => name === 'phi4-mini:3.8b')?.error?.message).toMatch(message);
  });

  it.each(['{"name":"an app"}', '{"schemaVersion":2,"layers":[]}', '{broken', 'no JSON'])(
    'does not take another manifest for its own: %s',
    async (content) => {
      expect(await identify(filesOf({ 'manifest.json': content, 'phi.gguf': gguf() }))).toMatchObject([
        { name: 'phi.gguf', error: null },
      ]);
    },
  );
});
