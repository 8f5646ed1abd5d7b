import { describe, expect, it } from 'vitest';
import { openSafetensors } from './safetensors.ts';
import { relativeErrors, weightDifference } from '../testing/compare.ts';
import {
  compareLogits,
  folderBytes,
  folderFiles,
  memoryFiles,
  presentFolders,
  readExpected,
} from '../testing/fixtures.ts';
import { float32Folder } from '../testing/float-models.ts';
import {
  convertedFolder,
  llamaFolder,
  multimodalFolder,
  regroupedMlxFolder,
  repackedMlxFolder,
  shardedFolder,
} from '../testing/safetensors-variants.ts';

const FLOAT = ['phi3-mini-4k', 'phi3.5-mini', 'phi4-mini', 'phi4'];
const MLX = ['phi3.5-mini/mlx-4bit', 'phi3.5-mini/mlx-8bit', 'phi4-mini/mlx-4bit', 'phi4-mini/mlx-8bit'];

/** Each takes a fraction of a second; the limit is for machines that are busy with other things. */
const options = { timeout: 120_000 };

describe('openSafetensors', options, () => {
  it.each(presentFolders([...FLOAT, ...MLX]))('reads %s: logits within 0.01 of its reference', async (folder) => {
    const checkpoint = await openSafetensors(folderFiles(folder));
    expect(checkpoint.format).toBe(folder.includes('mlx') ? 'mlx' : 'safetensors');
    const { error, greedyEqual } = await compareLogits(checkpoint, readExpected(`${folder}/expected.json`));
    expect(error).toBeLessThan(0.01);
    expect(greedyEqual).toBe(true);
  });

  it.each([
    ['phi3-mini-4k', 'q4_1'],
    ['phi3.5-mini', 'q4_k_m'],
    ['phi4-mini', 'q8_0'],
    ['phi4', 'q6_k'],
  ] as const)('reads %s in float32, written from its GGUF in %s: logits within 0.001 of that', async (kind, type) => {
    const checkpoint = await openSafetensors(memoryFiles(await float32Folder(kind, `${type}.gguf`)));
    const expected = readExpected(`${kind}/gguf/${type}.expected.json`);
    // The longest prompt takes half a second in plain loops; the GGUF's own test has it.
    const { error, greedyEqual } = await compareLogits(checkpoint, { cases: expected.cases.slice(0, 3) });
    expect(error).toBeLessThan(0.001);
    expect(greedyEqual).toBe(true);
  });

  it('reads shards by their index, and float32', async () => {
    const source = await openSafetensors(folderFiles('phi4'));
    expect(await weightDifference(await openSafetensors(memoryFiles(shardedFolder('phi4', 3))), source)).toBe(0);
    expect(await weightDifference(await openSafetensors(memoryFiles(convertedFolder('phi4', 'F32'))), source)).toBe(0);
    const cut = await relativeErrors(await openSafetensors(memoryFiles(convertedFolder('phi4', 'BF16'))), source);
    for (const error of Object.values(cut)) expect(error).toBeLessThan(0.008);
    const files = shardedFolder('phi4', 3);
    files.delete('model-00002-of-00003.safetensors');
    await expect(openSafetensors(memoryFiles(files))).rejects.toThrow('model-00002-of-00003.safetensors is missing');
  });

  it('stacks the split weights of a Llama checkpoint', async () => {
    const source = await openSafetensors(folderFiles('phi4'));
    expect(await weightDifference(await openSafetensors(memoryFiles(llamaFolder('phi4'))), source)).toBe(0);
  });

  it('reads MLX groups of 32 and a module in other bits than the rest', async () => {
    const source = await openSafetensors(folderFiles('phi4-mini/mlx-4bit'));
    const read = await openSafetensors(memoryFiles(regroupedMlxFolder('phi4-mini/mlx-4bit')));
    expect(read.layers[1]!.down.form).toMatchObject({ bits: 8, block: 32 });
    expect(await weightDifference(read, source)).toBe(0);
  });

  it.each([5, 6, 8])('reads the same codes in %i bits of MLX', async (bits) => {
    const source = await openSafetensors(folderFiles('phi4-mini/mlx-4bit'));
    const read = await openSafetensors(memoryFiles(repackedMlxFolder('phi4-mini/mlx-4bit', bits)));
    expect(await weightDifference(read, source)).toBeLessThan(1e-7);
  });

  it('reads the norms and a few rows, not the file', async () => {
    const files = folderFiles('phi4');
    const checkpoint = await openSafetensors(files);
    await checkpoint.embedding.read(100, 2);
    expect(files.get('model.safetensors')!.bytesRead).toBeLessThan(20_000);
  });

  it.each([
    ['Phi4MMForCausalLM', 'Phi-4-multimodal is read without its parts for pictures and speech'],
    ['Phi4ForCausalLMV', 'Phi-4-reasoning-vision is read without its part for pictures'],
  ])('reads the text part of %s, and says what it leaves out', async (architecture, note) => {
    const read = await openSafetensors(memoryFiles(multimodalFolder('phi4', architecture)));
    expect(await weightDifference(read, await openSafetensors(folderFiles('phi4')))).toBe(0);
    expect(read.notes).toEqual([`${note}: it answers text only.`]);
    expect(read.config.name).toBe(`${note.split(' ')[0]} (text)`);
  });

  it('names the kind that it does not run', async () => {
    const open = (change: Record<string, unknown>) => {
      const files = folderBytes('phi4');
      const config = JSON.parse(new TextDecoder().decode(files.get('config.json'))) as Record<string, unknown>;
      files.set('config.json', new TextEncoder().encode(JSON.stringify({ ...config, ...change })));
      return openSafetensors(memoryFiles(files));
    };
    const cases: [Record<string, unknown>, RegExp][] = [
      [{ architectures: ['PhiForCausalLM'] }, /Phi-2 \(PhiForCausalLM\)/],
      [{ architectures: ['MixtralForCausalLM'], num_local_experts: 8 }, /a mixture of experts/],
      [{ architectures: ['Phi3VForCausalLM'] }, /Phi-3-vision/],
      [{ architectures: ['Phi3SmallForCausalLM'] }, /Phi-3-small/],
      [{ architectures: ['Phi4FlashForCausalLM'] }, /Phi-4-mini-flash/],
      [{ architectures: ['Qwen2ForCausalLM'] }, /Qwen2ForCausalLM/],
      [{ architectures: null, model_type: 'phi' }, /Phi-2/],
      [{ quantization_config: { quant_method: 'gptq' } }, /GPTQ/],
      [{ rope_scaling: { rope_type: 'llama3', factor: 8 } }, /llama3/],
      [{ attention_bias: true }, /biases/],
    ];
    for (const [change, message] of cases)
      await expect(open(change)).rejects.toMatchObject({
        code: 'unsupported-model',
        message: expect.stringMatching(message) as string,
      });
    await expect(open({ hidden_size: -1 })).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('hidden_size') as string,
    });
    await expect(open({ num_attention_heads: 3 })).rejects.toMatchObject({ code: 'bad-model' });
  });
});
