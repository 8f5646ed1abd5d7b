import { describe, expect, it } from 'vitest';
import type { PhiConfig } from '../checkpoint/types.ts';
import { scoreSelfTest, testModel, testTiny } from './self-test.ts';
import { referenceGreedy, referencePhi } from './testing/reference-phi.ts';
import { TINY_PROMPT, TINY_SIZE, TINY_TOKENS, tinyFor, tinyPhi } from './tiny-phi.ts';
import type { Choice, ChunkRequest, Decoder } from '../decoder.ts';

/** A decoder whose every token has the given log-probability. */
const saying = (logprob: number) =>
  ({
    facts: { backend: 'webgpu' },
    chunkTokens: 8,
    chunk: ({ ids }: ChunkRequest) =>
      Promise.resolve({
        chosen: [],
        argmax: new Int32Array(ids.length),
        logprobs: new Float32Array(ids.length).fill(logprob),
        logits: null,
      }),
  }) as unknown as Decoder;
/** A decoder that continues every prompt with `tokens`, two at a time. */
const continuing = (tokens: readonly number[]) =>
  ({
    maxSteps: 2,
    chunk: () => Promise.resolve({ chosen: [tokens[0]] }),
    decode: (id: number, past: number, _rope: string, { randoms }: Choice) => {
      expect(id).toBe(tokens[past - TINY_PROMPT.length]);
      return Promise.resolve(
        tokens.slice(past - TINY_PROMPT.length + 1, past - TINY_PROMPT.length + 1 + randoms.length),
      );
    },
  }) as unknown as Decoder;
const config = { vocab: 50_000 } as PhiConfig;
const ids = Array.from({ length: 20 }, (_, i) => i);
const nothing = () => Promise.resolve(null);

describe('the tiny Phi', () => {
  it('says what is recorded when it is computed plainly in double precision, and clearly so', async () => {
    const { tokens, leads } = referenceGreedy(await referencePhi(tinyPhi()), TINY_PROMPT, TINY_TOKENS.length);
    expect(tokens).toEqual(TINY_TOKENS);
    expect(Math.min(...leads)).toBeGreaterThan(0.25);
  });

  it('says as clearly what is recorded of it with a scale for each row', async () => {
    const { checkpoint, tokens: right } = tinyFor('int4-columns');
    const { tokens, leads } = referenceGreedy(await referencePhi(checkpoint), TINY_PROMPT, right.length);
    expect(tokens).toEqual(right);
    expect(Math.min(...leads)).toBeGreaterThan(0.2);
  });

  it('has the same weights in every form of reading them', async () => {
    const { qkv } = tinyPhi().layers[0]!;
    const [all, part] = [await qkv.read(0, qkv.rows), await qkv.read(3, 2)];
    expect(part.kind === 'blocks' && all.kind === 'blocks' && part.codes).toEqual(
      all.kind === 'blocks' && all.codes.slice(3 * qkv.cols, 5 * qkv.cols),
    );
  });

  it('passes a decoder that says it, and no other', async () => {
    await testTiny(continuing(TINY_TOKENS), TINY_SIZE as PhiConfig);
    const wrong = TINY_TOKENS.with(5, 0);
    await expect(testTiny(continuing(wrong), TINY_SIZE as PhiConfig)).rejects.toMatchObject({ code: 'backend' });
  });
});

describe('the model’s own test', () => {
  it('passes a model that knows English, and says how well', async () => {
    const { scored, note } = await testModel(saying(-3.5), config, ids, undefined, nothing);
    expect(scored.nll).toBeCloseTo(3.5);
    expect(note).toBeUndefined();
  });

  it.each([-Math.log(50_000), -7, NaN, -Infinity])('refuses log-probabilities of %d', async (logprob) => {
    await expect(testModel(saying(logprob), config, ids, undefined, nothing)).rejects.toMatchObject({
      name: 'PhiError',
      code: 'backend',
    });
  });

  it('passes a model that does not know English when plain float32 says the same, and tells of it', async () => {
    const reference = (logprob: number) => () => Promise.resolve(new Array<number>(19).fill(logprob));
    expect((await testModel(saying(-11), config, ids, undefined, reference(-11.1))).note).toMatch(
      /does not know English/,
    );
    await expect(testModel(saying(-11), config, ids, undefined, reference(-9))).rejects.toMatchObject({
      code: 'backend',
    });
    expect((await testModel(saying(-11), config, ids, undefined, 'none')).note).toMatch(/does not know English/);
    await expect(testModel(saying(NaN), config, ids, undefined, 'none')).rejects.toMatchObject({ code: 'backend' });
  });

  it('compares later loads with the first', async () => {
    const { logprobs } = await testModel(saying(-3.5), config, ids, undefined, nothing);
    expect((await testModel(saying(-3.45), config, ids, logprobs, nothing)).logprobs).toEqual(logprobs);
    await expect(testModel(saying(-4), config, ids, logprobs, nothing)).rejects.toMatchObject({ code: 'backend' });
    await expect(testModel(saying(NaN), config, ids, logprobs, nothing)).rejects.toMatchObject({ code: 'backend' });
  });

  it('refuses a device that scores every token right and chooses others', async () => {
    const choosing = (likeliest: number): Decoder => ({
      ...saying(-3.5),
      chunk: ({ ids, targets }: ChunkRequest) =>
        Promise.resolve({
          chosen: [],
          argmax: new Int32Array(ids.length).fill(likeliest),
          logprobs: Float32Array.from(targets!, (target) => (target === 45_711 ? -1 : target === 45_696 ? -9 : -3.5)),
          logits: null,
        }),
    });
    const { scored, logprobs } = await testModel(choosing(45_711), config, ids, undefined, nothing);
    expect(scored.shortfall).toBeCloseTo(-2.5);
    for (const recorded of [undefined, logprobs])
      await expect(testModel(choosing(45_696), config, ids, recorded, nothing)).rejects.toMatchObject({
        code: 'backend',
        message: expect.stringContaining('5.50 nats less likely') as string,
      });
  });

  it('reads the text once on WASM, whose choices and scores are the same numbers', async () => {
    let tokens = 0;
    const decoder = saying(-1);
    const wasm: Decoder = {
      ...decoder,
      facts: { ...decoder.facts, backend: 'wasm' },
      chunk: (request) => ((tokens += request.ids.length), decoder.chunk(request)),
    };
    expect((await scoreSelfTest(wasm, config, ids)).shortfall).toBe(0);
    expect(tokens).toBe(ids.length);
  });

  it('tells the time that a token takes', async () => {
    expect((await scoreSelfTest(saying(-1), config, ids)).msPerToken).toBeGreaterThan(0);
  });
});
