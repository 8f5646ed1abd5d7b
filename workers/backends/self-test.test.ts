import { describe, expect, it } from 'vitest';
import type { PhiConfig } from '../checkpoint/types.ts';
import type { PhiError } from '../errors.ts';
import { selfTest } from './self-test.ts';
import type { ChunkRequest, Decoder } from './types.ts';

/** A decoder whose every token has the given log-probability. */
const saying = (logprob: number) =>
  ({
    chunkTokens: 8,
    chunk: ({ ids }: ChunkRequest) =>
      Promise.resolve({ id: null, argmax: new Int32Array(ids.length), logprobs: new Float32Array(ids.length).fill(logprob), logits: null }),
  }) as unknown as Decoder;
const config = { vocab: 50_000 } as PhiConfig;
const ids = Array.from({ length: 20 }, (_, i) => i);

describe('selfTest', () => {
  it('passes a model that knows English, and says how well', async () => {
    expect(await selfTest(saying(-3.5), config, ids)).toBeCloseTo(3.5);
  });

  it.each([-Math.log(50_000), -7, NaN, -Infinity])('refuses log-probabilities of %d', async (logprob) => {
    await expect(selfTest(saying(logprob), config, ids)).rejects.toMatchObject({ name: 'PhiError', code: 'backend' } satisfies Partial<PhiError>);
  });
});
