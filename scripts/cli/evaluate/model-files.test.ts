import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCandidates, selectModel } from './model-files.ts';

describe('findCandidates', () => {
  it('keeps the parts of one model together', () => {
    const names = ['m-00002-of-00002.gguf', 'm-00001-of-00002.gguf', 'other.gguf'];
    expect(findCandidates(names).map(({ files }) => files)).toEqual([
      ['m-00001-of-00002.gguf', 'm-00002-of-00002.gguf'],
      ['other.gguf'],
    ]);
    expect(
      findCandidates([
        'model-00001-of-00002.safetensors',
        'model-00002-of-00002.safetensors',
        'model.safetensors.index.json',
      ]),
    ).toHaveLength(1);
    expect(findCandidates(['model.onnx', 'model.onnx.data', 'genai_config.json'])[0]!.files).toEqual([
      'model.onnx',
      'model.onnx.data',
    ]);
    expect(
      findCandidates(['model_q4f16.onnx', 'model_q4f16.onnx_data', 'model_q4f16.onnx_data_1'])[0]!.files,
    ).toHaveLength(3);
  });

  it('knows what is not a model', () => {
    expect(findCandidates(['openvino_tokenizer.xml', 'openvino_tokenizer.bin', 'notes.xml', 'config.json'])).toEqual(
      [],
    );
    expect(
      findCandidates(['openvino_model.xml', 'openvino_model.bin', 'openvino_tokenizer.xml', 'openvino_tokenizer.bin']),
    ).toHaveLength(1);
  });
});

describe('selectModel', () => {
  let folder: string;
  const touch = (...names: string[]): Promise<void[]> =>
    Promise.all(names.map((name) => writeFile(join(folder, name), name)));
  const paths = async (path: string): Promise<string[]> => (await selectModel(path)).map((file) => file.path);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phi-model-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('takes a folder by its top level', async () => {
    await mkdir(join(folder, 'gguf'));
    await writeFile(join(folder, 'gguf', 'a.gguf'), '');
    await touch('model.safetensors', 'config.json', 'tokenizer.json');
    expect(await paths(folder)).toEqual(['model.safetensors', 'config.json', 'tokenizer.json']);
  });

  it('gives a file its companions and nothing of its neighbours', async () => {
    await touch('a.gguf', 'b.gguf', 'a.expected.json', 'model.onnx', 'model.onnx.data', 'config.json');
    expect(await paths(join(folder, 'a.gguf'))).toEqual(['a.gguf']);
    expect((await paths(join(folder, 'model.onnx'))).sort()).toEqual([
      'a.expected.json',
      'config.json',
      'model.onnx',
      'model.onnx.data',
    ]);
    await touch('weights');
    expect(await paths(join(folder, 'weights'))).toEqual(['weights']);
  });

  it('takes the layout of transformers.js, by its folder and by a graph in it', async () => {
    await mkdir(join(folder, 'onnx'));
    await touch('config.json', 'tokenizer.json', 'onnx/model_q4.onnx', 'onnx/model_q4.onnx_data');
    const expected = ['onnx/model_q4.onnx', 'onnx/model_q4.onnx_data', 'config.json', 'tokenizer.json'];
    expect(await paths(folder)).toEqual(expected);
    expect(await paths(join(folder, 'onnx', 'model_q4.onnx'))).toEqual(expected);
  });

  it('names two candidates, none, and a path that is not there', async () => {
    await expect(selectModel(folder)).rejects.toThrow('no model at its top level');
    await touch('a.gguf', 'b.gguf');
    await expect(selectModel(folder)).rejects.toThrow('a.gguf, b.gguf');
    await expect(selectModel(join(folder, 'absent'))).rejects.toThrow('no file or folder');
  });
});
