import { describe, expect, it } from 'vitest';
import { identify } from './identify.ts';
import { folderFiles } from './testing/fixtures.ts';
import { filesOf, type Content } from './testing/refused.ts';

const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 2393841024\n';
const PAGE = '<!DOCTYPE html>\n<html><title>Sign in</title></html>';
const ZIP = 'PK\u0003\u0004and more';
const GZIP = new Uint8Array([0x1f, 0x8b, 8, 0]);
const SAFETENSORS = '\u0002\0\0\0\0\0\0\0{"';
const HASH = '0123456789abcdef0123456789abcdef01234567';

/** The message with which `files` are refused, as the screen shows it. */
async function refusal(files: Parameters<typeof identify>[0]): Promise<string> {
  try {
    return (await identify(files)).map(({ error }) => error?.message ?? 'read').join(' | ');
  } catch (cause) {
    return (cause as Error).message;
  }
}

describe('a file that is not what its name says', () => {
  it.each<[string, Content]>([
    ['a.gguf is a pointer of Git LFS', { 'a.gguf': POINTER }],
    ['a.gguf is a web page', { 'a.gguf': PAGE }],
    ["a.gguf is a server's error message", { 'a.gguf': '<?xml version="1.0"?><Error><Code>AccessDenied</Code>' }],
    ["a.gguf is a server's error message", { 'a.gguf': '{"error":"Repository not found"}' }],
    ["a.gguf is a server's error message", { 'a.gguf': 'Access to model x is restricted.' }],
    ['a.gguf is an archive', { 'a.gguf': ZIP }],
    ['a.gguf is an archive', { 'a.gguf': GZIP }],
    ['a.gguf is a safetensors file', { 'a.gguf': SAFETENSORS }],
    ['a.gguf is empty', { 'a.gguf': '' }],
    ['model is an archive', { model: ZIP }],
  ])('%s', async (message, files) => {
    expect(await refusal(filesOf(files))).toContain(message);
  });

  it.each(['config.json', 'tokenizer.json', 'model.safetensors', 'model.safetensors.index.json'])(
    'is named in a folder: %s',
    async (name) => {
      const files = new Map(folderFiles('phi4-mini/mlx-4bit'));
      for (const [content, message] of [
        [POINTER, 'is a pointer of Git LFS'],
        [PAGE, 'is a web page'],
        ['', 'is empty'],
      ] as const) {
        const whole = new Map([...files, ...filesOf({ [name]: content, 'notes.txt': '' })]);
        expect(await refusal(whole)).toContain(`${name} ${message}`);
      }
    },
  );

  it.each(['model.onnx', 'model.onnx.data', 'genai_config.json'])('is named beside an ONNX graph: %s', async (name) => {
    const files = new Map([...folderFiles('phi3-mini-4k/onnx-webgpu-int4'), ...filesOf({ [name]: POINTER })]);
    expect(await refusal(files)).toContain(`${name} is a pointer of Git LFS`);
  });
});

describe('files that hold no model', () => {
  it.each<[string, string[]]>([
    ['phi.zip is an archive', ['phi.zip']],
    ['phi.tar.gz is an archive', ['phi.tar.gz', 'README.md']],
    ['a model for PyTorch', ['pytorch_model-00001-of-00002.bin', 'config.json', 'tokenizer.json']],
    ['a model for LiteRT', ['phi-4.litertlm']],
    ['a model for ExecuTorch', ['phi.pte']],
    ['a model for MLC', ['mlc-chat-config.json', 'params_shard_0.bin']],
    ['a model for Core ML', ['Phi.mlpackage/Data/model.mlmodel']],
    ['a model for TensorFlow or Flax', ['tf_model.h5', 'config.json']],
    ['a model for ggml', ['ggml-model-q4_0.bin']],
    ['cache of Hugging Face', [`models--a--b/blobs/${HASH}`, 'models--a--b/refs/main']],
    ['openvino_model.xml', ['phi.xml', 'phi.bin', 'config.json']],
    ['the weights are missing', ['config.json', 'tokenizer.json']],
    ['the weights are missing', ['model.safetensors.index.json']],
  ])('are named: %s', async (message, names) => {
    expect(await refusal(filesOf(Object.fromEntries(names.map((name) => [name, 'x']))))).toContain(message);
  });
});

describe('a file that is missing', () => {
  const without = (...names: string[]) =>
    new Map([...folderFiles('phi4-mini/mlx-4bit')].filter(([name]) => !names.includes(name)));
  const first = folderFiles('phi4-mini/mlx-4bit').get('model.safetensors')!;

  it('is looked for under the names that a second download gives', async () => {
    for (const near of ['config (1).json', 'config.json.txt'])
      expect(await refusal(new Map([...without('config.json'), ...filesOf({ [near]: '{}' })]))).toContain(
        `config.json is missing. Rename ${near}`,
      );
  });

  it('is a vocabulary that is read here', async () => {
    const files = new Map([...without('tokenizer.json'), ...filesOf({ 'tokenizer.model': 'x' })]);
    expect(await refusal(files)).toContain('This app does not read tokenizer.model');
    expect(await refusal(new Map([...without(), ...filesOf({ 'tokenizer.json': {} })]))).toContain('tokenizer.json');
  });

  it('is a part that the others count', async () => {
    const files = without('model.safetensors', 'model.safetensors.index.json');
    files.set('model-00001-of-00002.safetensors', first);
    expect(await refusal(files)).toContain('model-00002-of-00002.safetensors is missing');
  });

  it('is not one that only another program reads', async () => {
    const upper = without('model.safetensors', 'model.safetensors.index.json');
    upper.set('MODEL.SAFETENSORS', first);
    expect(await refusal(upper)).toBe('read');
    expect(await refusal(new Map([...without(), ['consolidated.safetensors', first] as const]))).toBe('read');
  });
});

it("reads Hugging Face's cache once, by the names of its files", async () => {
  const cached = [...folderFiles('phi4-mini/gguf')].slice(0, 1);
  const [[, source] = []] = cached;
  const found = await identify(
    new Map([
      [`models--a--Phi/snapshots/${HASH}/x.gguf`, source!],
      [`models--a--Phi/blobs/${'ab'.repeat(32)}`, source!],
    ]),
  );
  expect(found.map(({ root }) => root)).toEqual([`models--a--Phi/snapshots/${HASH}/`]);
});
