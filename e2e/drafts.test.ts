/** Prompt lookup with replies by chance: on every backend a seed's text is the same, whether its tokens are chosen one by one or as drafts in a chunk. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineHost, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import type { EvaluateOptions } from '../workers/shared/evaluate-protocol.ts';
import type { Sampling } from '../workers/shared/protocol.ts';
import { gguf, needFixture, readExpected } from './support/fixtures.ts';
import { SAMPLING } from './support/sampling.ts';

const MODEL = gguf('phi4-mini', 'q8_0');
const TOKENS = 24;
const CONTEXT = 192;
/** For logits around 8: int8 activations of a chunk and of a single step are rounded differently. */
const MOST_DIFFERENCE = 0.1;
const BACKENDS: [string, EvaluateOptions][] = [
  ['WASM, int8', { backend: 'wasm', form: 'int8' }],
  ['WASM in two stages, float32', { backend: 'wasm', form: 'float32', stages: 2 }],
  ['WebGPU, int8 in blocks', { backend: 'webgpu', form: 'int8-blocks' }],
  ['WebNN, float32', { backend: 'webnn', form: 'float32', device: 'npu' }],
];
/** Flat: the model is random, so that a hundred tokens share the mass. The second keeps few. */
const CHANCES: Sampling[] = [
  { ...SAMPLING.nucleus, seed: 11 },
  { ...SAMPLING.nucleus, topK: 40, minP: 0.02, temperature: 0.7, seed: 12 },
];

let host: EngineHost;

beforeAll(async () => {
  host = await startEngineHost({});
});

afterAll(async () => {
  await host.close();
});

describe('a reply by chance, checked in drafts', () => {
  it.each(BACKENDS)('%s', async (name, options) => {
    const engine = await host.open(await selectModel(needFixture(MODEL.path)), { ...options, contextLength: CONTEXT });
    const prompt = readExpected(MODEL.expected).cases[0]!.input_ids;
    let explained = 0;
    for (const sampling of CHANCES) {
      const reply = await engine.call('sample', prompt, TOKENS, sampling);
      for (const length of [2, 15]) {
        const result = await engine.call('replay', prompt, reply, sampling, length);
        expect(result.unexplained, `drafts of ${length}`).toEqual([]);
        expect(result.checked).toBe(TOKENS - 1);
        explained += result.explained;
        expect(result.largestDifference).toBeLessThan(MOST_DIFFERENCE);
      }
    }
    console.log(`${name}: ${explained} choices differ within the difference between a chunk's and a step's logits`);
    expect(explained).toBeLessThan((TOKENS * CHANCES.length * 2) / 10);
  });
});
