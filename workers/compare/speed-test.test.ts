import { expect, it } from 'vitest';
import type { ChunkRequest, Decoder } from '../engine/decoder.ts';
import type { Model } from '../engine/model.ts';
import { runSpeedTest } from './speed-test.ts';

/** Notes what it computes: `[past, tokens]` of each chunk, `[past]` of each step. */
function recording() {
  const chunks: [number, number][] = [];
  const steps: number[] = [];
  const decoder = {
    slots: 4096,
    chunkTokens: 64,
    maxSteps: 1,
    chunk: ({ ids, past }: ChunkRequest) => {
      chunks.push([past, ids.length]);
      return Promise.resolve({ chosen: [7], argmax: new Int32Array(), logprobs: new Float32Array(), logits: null });
    },
    decode: (_id: number, past: number) => {
      steps.push(past);
      return Promise.resolve([7]);
    },
  } as Partial<Decoder> as Decoder;
  return {
    chunks,
    steps,
    model: { decoder, config: { vocab: 100, ropeScaling: null } } as Pick<Model, 'decoder' | 'config'>,
  };
}

const TEXT = [11, 12, 13, 11, 14];
const heard: number[] = [];
const run = (model: Pick<Model, 'decoder' | 'config'>, kind: 'pp' | 'tg', depth: number) =>
  runSpeedTest(model, { kind, tokens: 64, depth }, TEXT, 3, (round) => heard.push(round));

it('reads the context once, and the prompt whole in every round', async () => {
  const { model, chunks } = recording();
  const rates = await run(model, 'pp', 128);
  expect(rates).toHaveLength(3);
  expect(rates.every((rate) => rate > 0)).toBe(true);
  // The round that does not count reads all 192 tokens, the others what follows the context.
  expect(chunks).toEqual([
    [0, 64],
    [64, 64],
    [128, 64],
    [128, 64],
    [128, 64],
    [128, 64],
  ]);
  expect(heard).toEqual([0, 1, 2, 3]);
});

it('writes the asked tokens behind the context, one after the other', async () => {
  const { model, chunks, steps } = recording();
  await run(model, 'tg', 10);
  expect(chunks).toEqual([
    [0, 11],
    [10, 1],
    [10, 1],
    [10, 1],
  ]);
  expect(steps).toEqual(Array.from({ length: 4 }, () => Array.from({ length: 64 }, (_, i) => 11 + i)).flat());
});
