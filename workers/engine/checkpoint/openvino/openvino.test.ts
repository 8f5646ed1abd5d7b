import { describe, expect, it } from 'vitest';
import { openOpenVino } from './openvino.ts';
import { weightDifference } from '../testing/compare.ts';
import { compareLogits, folderBytes, folderFiles, memoryFiles, readExpected } from '../testing/fixtures.ts';
import { OPENVINO_STORES, restoredFolder } from '../testing/openvino-variants.ts';

const FOLDERS = [
  'phi3-mini-4k/openvino-int8',
  'phi3.5-mini/openvino-int4-npu',
  'phi4-mini/openvino-int4',
  'phi4/openvino-int4-sym',
];

/** Each takes a fraction of a second; the limit is for machines that are busy with other things. */
const options = { timeout: 120_000 };

describe('openOpenVino', options, () => {
  it.each(FOLDERS)('reads %s: logits within 0.01 of its reference', async (folder) => {
    const checkpoint = await openOpenVino(folderFiles(folder));
    const { error, greedyEqual } = await compareLogits(checkpoint, readExpected(`${folder}/expected.json`));
    expect(error).toBeLessThan(0.01);
    expect(greedyEqual).toBe(true);
    expect(checkpoint.notes).toEqual([]);
  });

  it.each(OPENVINO_STORES)('reads the same weights from: %s', async (store) => {
    for (const folder of ['phi4/openvino-int4-sym', 'phi3.5-mini/openvino-int4-npu']) {
      const source = await openOpenVino(folderFiles(folder));
      const files = await restoredFolder(folder, store);
      const read = await openOpenVino(memoryFiles(files));
      expect(read.config).toEqual(source.config);
      expect(await weightDifference(read, source)).toBe(0);
      if (store.startsWith('float32')) expect(read.embedding.type).toBe('F32');
    }
  });

  it('believes the graph, not config.json, about window, rotation and heads', async () => {
    for (const folder of ['phi3-mini-4k/openvino-int8', 'phi4-mini/openvino-int4']) {
      const truth = (await openOpenVino(folderFiles(folder))).config;
      const bytes = folderBytes(folder);
      const config = JSON.parse(new TextDecoder().decode(bytes.get('config.json'))) as Record<string, unknown>;
      Object.assign(config, {
        sliding_window: 17,
        rope_parameters: { rope_theta: 12345, rope_type: 'default' },
        num_attention_heads: 8,
        partial_rotary_factor: 0.5,
      });
      bytes.set('config.json', new TextEncoder().encode(JSON.stringify(config)));
      const { config: read } = await openOpenVino(memoryFiles(bytes));
      expect(read.slidingWindow).toBe(truth.slidingWindow);
      expect(read.heads).toBe(truth.heads);
      expect(read.rotaryDim).toBe(truth.rotaryDim);
      for (let i = 0; i < read.rotaryDim / 2; i++) {
        const frequency = (c: typeof read) => c.ropeTheta ** ((-2 * i) / c.rotaryDim) / (c.ropeScaling?.long[i] ?? 1);
        expect(frequency(read) / frequency(truth)).toBeCloseTo(1, 5);
      }
    }
  });
});
