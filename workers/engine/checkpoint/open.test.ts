import { describe, expect, it } from 'vitest';
import type { ModelFiles } from '../../store/bytes.ts';
import { openCheckpoint } from './open.ts';
import { findModels } from './recognise.ts';
import { folderFiles, memorySource } from './testing/fixtures.ts';
import { splitGguf, tinyGguf, writeGguf } from './testing/gguf-writer.ts';

const named = (...paths: string[]): ModelFiles =>
  new Map(paths.map((path) => [path, memorySource(path, new Uint8Array(8))]));
const found = async (...paths: string[]) =>
  (await findModels(named(...paths))).map(({ format, paths }) => `${format}: ${paths.join(' ')}`);

describe('findModels', () => {
  it('recognises each layout by its top level', async () => {
    expect(await found('readme.md', 'phi.gguf', 'onnx-cpu/model.onnx', 'onnx-cpu/genai_config.json')).toEqual([
      'gguf: phi.gguf',
    ]);
    expect(await found('b-00002-of-00002.gguf', 'b-00001-of-00002.gguf')).toEqual([
      'gguf: b-00001-of-00002.gguf b-00002-of-00002.gguf',
    ]);
    expect(await found('genai_config.json', 'phi-3.5-mini.onnx', 'phi-3.5-mini.onnx.data', 'tokenizer.json')).toEqual([
      'onnx: genai_config.json phi-3.5-mini.onnx',
    ]);
    expect(await found('config.json', 'onnx/model_q4f16.onnx', 'onnx/model_q4f16.onnx_data')).toEqual([
      'onnx: onnx/model_q4f16.onnx',
    ]);
    expect(await found('genai_config.json', 'onnx/model.onnx')).toEqual(['onnx: genai_config.json onnx/model.onnx']);
    expect(await found('config.json', 'openvino_model.xml', 'openvino_model.bin', 'openvino_tokenizer.xml')).toEqual([
      'openvino: openvino_model.xml',
    ]);
    expect(
      await found(
        'config.json',
        'model-00001-of-00002.safetensors',
        'model-00002-of-00002.safetensors',
        'model.safetensors.index.json',
      ),
    ).toEqual(['safetensors: model-00001-of-00002.safetensors model-00002-of-00002.safetensors']);
  });

  it('finds several', async () => {
    expect(await found('a.gguf', 'b.gguf', 'c-00001-of-00002.gguf', 'c-00001-of-00003.gguf')).toHaveLength(4);
    expect(await found('onnx/model_q4.onnx', 'onnx/model_q4f16.onnx', 'model.safetensors')).toHaveLength(3);
  });
});

describe('openCheckpoint', () => {
  it('opens a GGUF and a split one', async () => {
    const whole = await openCheckpoint(new Map([['tiny.gguf', memorySource('tiny.gguf', writeGguf(tinyGguf()))]]));
    const parts = splitGguf(tinyGguf(), 2).map((bytes, i) => memorySource(`tiny-0000${i + 1}-of-00002.gguf`, bytes));
    const split = await openCheckpoint(new Map(parts.map((part) => [part.name, part])));
    expect(split.config).toEqual(whole.config);
    await expect(openCheckpoint(new Map([[parts[0]!.name, parts[0]!]]))).rejects.toThrow(
      'tiny-00002-of-00002.gguf is missing',
    );
  });

  it('lists two models instead of choosing', async () => {
    await expect(openCheckpoint(named('a.gguf', 'b.gguf'))).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('a.gguf (gguf), b.gguf (gguf)') as string,
    });
    await expect(openCheckpoint(named('a.gguf', 'config.json', 'model.safetensors'))).rejects.toThrow(
      'a.gguf (gguf), model.safetensors (safetensors)',
    );
  });

  it('says what it found and what it takes where there is no model', async () => {
    await expect(openCheckpoint(named())).rejects.toMatchObject({ code: 'bad-request' });
    await expect(openCheckpoint(named('weights.dat', 'notes.json'))).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringMatching(/notes\.json, weights\.dat.*GGUF.*ONNX.*OpenVINO.*safetensors/) as string,
    });
    await expect(openCheckpoint(named('readme.md', 'cpu/genai_config.json', 'cpu/model.onnx'))).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('but cpu does. Choose that folder') as string,
    });
  });

  it('opens a safetensors folder', async () => {
    expect((await openCheckpoint(folderFiles('phi4'))).format).toBe('safetensors');
    expect((await openCheckpoint(folderFiles('phi4-mini/mlx-4bit'))).format).toBe('mlx');
  });
});
