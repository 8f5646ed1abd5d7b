import { describe, expect, it } from 'vitest';
import { identify } from './identify.ts';
import { openCheckpoint } from './open.ts';
import { filesOf, REFUSED } from './testing/refused.ts';

describe('what is refused is named', () => {
  it.each(REFUSED.map((refused) => [`${refused.kind}: ${refused.message.source}`, refused] as const))(
    '%s',
    async (_, { files, message }) => {
      await expect(openCheckpoint(filesOf(files))).rejects.toMatchObject({
        code: 'unsupported-model',
        message: expect.stringMatching(message) as string,
      });
    },
  );

  it('is named where it is one of several in a folder', async () => {
    const adapter = REFUSED.find(({ kind }) => kind === 'LoRA adapter')!;
    const found = await identify(
      new Map([...filesOf(adapter.files)].map(([path, source]) => [`checkpoint-500/${path}`, source])),
    );
    expect(found).toMatchObject([
      { error: { code: 'unsupported-model', message: expect.stringMatching(adapter.message) as string } },
    ]);
  });
});

describe('what is not refused for what lies beside it', () => {
  it('a float model whose cache of keys and values alone is quantised', async () => {
    const { files } = REFUSED.find(({ kind }) => kind === 'Phi-3-small')!;
    const config = { ...(files['config.json'] as object), architectures: ['Phi3ForCausalLM'] };
    const beside = { 'hf_quant_config.json': { quantization: { quant_algo: null, kv_cache_quant_algo: 'FP8' } } };
    // It goes on to its tensors, of which it has too few.
    await expect(openCheckpoint(filesOf({ ...files, 'config.json': config, ...beside }))).rejects.toThrow(
      /input_layernorm\.weight is missing/,
    );
  });
});
