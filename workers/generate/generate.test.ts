import { describe, expect, it } from 'vitest';
import type { ChunkResult, Decoder } from '../backends/types.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import { generateTokens, type TokenEvent } from './generate.ts';
import { Sequence } from './sequence.ts';

/** Counts up from the last token, and computes inside the call, as a WASM session does: nothing but microtasks in between. */
const decoder = {
  slots: 4096,
  chunkTokens: 4,
  maxSteps: 1,
  chunk: ({ ids }) => Promise.resolve({ id: ids.at(-1)! + 1 } as ChunkResult),
  decode: (id) => Promise.resolve([id + 1]),
} as Partial<Decoder> as Decoder;
const config = { vocab: 8192, ropeScaling: null } as Partial<PhiConfig> as PhiConfig;
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 };

async function collect(prompt: number[], maxTokens: number, signal?: AbortSignal, onFirst?: () => void): Promise<number[]> {
  const ids: number[] = [];
  const add = (event: TokenEvent): void => {
    if (event.type === 'first') {
      ids.push(event.id);
      onFirst?.();
    } else if (event.type === 'tokens') ids.push(...event.ids);
  };
  for await (const event of generateTokens(new Sequence(decoder, config), prompt, { sampling: GREEDY, maxTokens, eos: [12], signal })) add(event);
  return ids;
}

describe('generateTokens', () => {
  it('ends with an end token, at the most tokens', async () => {
    expect(await collect([1, 9], 10)).toEqual([10, 11, 12]);
    expect(await collect([1, 2], 3)).toEqual([3, 4, 5]);
  });

  it('hears an abort that arrives as a message while it computes', async () => {
    const controller = new AbortController();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => controller.abort();
    const ids = await collect([100], 3000, controller.signal, () => port2.postMessage('stop'));
    port1.close();
    expect(controller.signal.aborted).toBe(true);
    expect(ids.length).toBeLessThan(100);
  });

  it('hears it during a long prefill', async () => {
    const controller = new AbortController();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => controller.abort();
    port2.postMessage('stop');
    const prompt = Array.from({ length: 4000 }, () => 100);
    await expect(collect(prompt, 5, controller.signal)).rejects.toThrow(/abort/i);
    port1.close();
  });
});
