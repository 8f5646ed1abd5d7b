import { describe, expect, it } from 'vitest';
import { openOpenVino } from './openvino.ts';
import { compareLogits, folderBytes, folderFiles, memoryFiles, missingFixtures, readExpected } from './testing/fixtures.ts';

const FOLDERS = ['phi3-mini-4k/openvino-int8', 'phi3.5-mini/openvino-int4-npu', 'phi4-mini/openvino-int4', 'phi4/openvino-int4-sym'];

describe.skipIf(missingFixtures())('openOpenVino', () => {
  it.each(FOLDERS)('reads %s: logits within 0.01 of its reference', async (folder) => {
    const checkpoint = await openOpenVino(folderFiles(folder));
    const { error, greedyEqual } = await compareLogits(checkpoint, readExpected(`${folder}/expected.json`));
    expect(error).toBeLessThan(0.01);
    expect(greedyEqual).toBe(true);
    expect(checkpoint.notes).toEqual([]);
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
