/**
 * Two ways around reading a text token by token, on every backend: drafts, where a seed's text is the same whether its tokens are chosen one by one or in a
 * chunk, and kept caches, where it is the same whether the prompt was read or brought back.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import type { EvaluateOptions } from '../workers/shared/evaluate-protocol.ts';
import type { Sampling } from '../workers/shared/protocol.ts';
import { gguf, needFixture, readExpected } from './support/fixtures.ts';
import { ALL } from './support/long.ts';
import { SAMPLING } from './support/sampling.ts';

const MODEL = gguf('phi4-mini', 'q8_0');
const TOKENS = 24;
const CONTEXT = 192;
/** Of a prompt that is kept, in two parts, and of the reply to it. */
const KEPT_TOKENS = 130;
const TOKENS_AFTER = 8;
/** For logits around 8: int8 activations of a chunk and of a single step are rounded differently. */
const MOST_DIFFERENCE = 0.1;
/** With the lengths of drafts. SwiftShader is slow: `npm run test:backends` takes both there too. */
const BACKENDS: [string, EvaluateOptions, number[]][] = [
  ['WASM, int8', { backend: 'wasm', form: 'int8' }, [2, 15]],
  ['WASM in two stages, int8', { backend: 'wasm', form: 'int8', stages: 2 }, [2, 15]],
  ['WASM in two stages, float32', { backend: 'wasm', form: 'float32', stages: 2 }, [2, 15]],
  ['WebGPU, int8 in blocks', { backend: 'webgpu', form: 'int8-blocks' }, ALL ? [2, 15] : [15]],
  ['WebNN, float32', { backend: 'webnn', form: 'float32', device: 'npu' }, [2, 15]],
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

describe.each(BACKENDS)('%s', (name, options, lengths) => {
  let engine: Engine;
  let prompt: number[];
  beforeAll(async () => {
    engine = await host.open(await selectModel(needFixture(MODEL.path)), { ...options, contextLength: CONTEXT });
    prompt = readExpected(MODEL.expected).cases[0]!.input_ids;
  });

  it('gives a reply by chance in drafts too', async () => {
    let explained = 0;
    for (const sampling of CHANCES) {
      const reply = await engine.call('sample', prompt, TOKENS, sampling);
      for (const length of lengths) {
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

  it('goes on from a kept cache as from a prompt that it has read', async () => {
    const long = Array.from({ length: KEPT_TOKENS }, (_, i) => prompt[(i * 7) % prompt.length]!);
    const { plain, exact, kept } = await engine.call('kept', long, TOKENS_AFTER);
    expect(exact, 'put back as it was').toEqual(plain);
    expect(kept, 'in float16').toEqual(plain);
  });
});
