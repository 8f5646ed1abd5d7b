/** Models as people have them, from public reports: what each is read as, or the words with which it is refused. */
import { beforeEach, describe, expect, it } from 'vitest';
import { identify } from './identify.ts';
import { openCheckpoint } from './open.ts';
import { relativeErrors } from './testing/compare.ts';
import { caseExpected, caseFiles, compareLogits, folderFiles, haveCases } from './testing/fixtures.ts';

describe('reported models', { timeout: 120_000 }, () => {
  beforeEach(({ skip }) => skip(!haveCases, 'the models of ../shared/cases are absent'));

  it.each([
    ['01-cos-cache-concat-webgpu', 0.01],
    ['21-mha-4-2-heads', 0.01],
    ['26-mlx-6bit', 0.01],
  ])('%s gives the logits of its reference within %d', async (name, tolerance) => {
    const { error, greedyEqual } = await compareLogits(await openCheckpoint(caseFiles(name)), caseExpected(name));
    expect(error).toBeLessThan(tolerance);
    expect(greedyEqual).toBe(true);
  });

  it.each(['12-gguf-without-ending', '12b-blobs-folder'])('%s is one model', async (name) => {
    expect(await identify(caseFiles(name))).toMatchObject([{ format: 'gguf', error: null }]);
    expect((await openCheckpoint(caseFiles(name))).layers).toHaveLength(3);
  });

  it.each([
    ['17-modelopt-fp8', /quantised with ModelOpt FP8, which is not supported/],
    ['20-lora-alone', /LoRA adapter for microsoft\/Phi-3-mini-4k-instruct.*Merge it/],
  ])('%s is refused by name', async (name, message) => {
    await expect(openCheckpoint(caseFiles(name))).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringMatching(message) as string,
    });
  });

  it('26-transformersjs-q8 has the weights of the float model within the error of 8 bits', async () => {
    const read = await openCheckpoint(caseFiles('26-transformersjs-q8'));
    const errors = await relativeErrors(read, await openCheckpoint(folderFiles('phi4/onnx-cpu-int4')));
    for (const [role, error] of Object.entries(errors)) expect(error, role).toBeLessThan(0.02);
  });

  it('26-gguf-iq3_s-inside is opened, with its IQ3_S tensor', async () => {
    const { layers } = await openCheckpoint(caseFiles('26-gguf-iq3_s-inside'));
    const types = layers
      .flatMap(({ qkv, output, gateUp, down }) => [qkv, output, gateUp, down])
      .map(({ type }) => type);
    expect(types).toContain('IQ3_S');
  });
});
