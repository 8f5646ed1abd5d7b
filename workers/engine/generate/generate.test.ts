import { describe, expect, it } from 'vitest';
import type { ChunkRequest, ChunkResult, Choice, Decoder } from '../decoder.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { generateTokens, type TokenEvent } from './generate.ts';
import { Sequence } from './sequence.ts';

/** Counts up from the last token, and computes inside the call, as a WASM session does: nothing but microtasks in between. */
const decoder = {
  slots: 4096,
  chunkTokens: 4,
  maxSteps: 1,
  chunk: ({ ids }) => Promise.resolve({ chosen: [ids.at(-1)! + 1] } as ChunkResult),
  decode: (id) => Promise.resolve([id + 1]),
} as Partial<Decoder> as Decoder;
const config = { vocab: 8192, ropeScaling: null } as Partial<PhiConfig> as PhiConfig;
const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 };

async function collect(
  prompt: number[],
  maxTokens: number,
  signal?: AbortSignal,
  onFirst?: () => void,
): Promise<number[]> {
  const ids: number[] = [];
  const add = (event: TokenEvent): void => {
    if (event.type === 'first') {
      ids.push(event.id);
      onFirst?.();
    } else if (event.type === 'tokens') ids.push(...event.ids);
  };
  for await (const event of generateTokens(new Sequence(decoder, config), prompt, {
    sampling: GREEDY,
    maxTokens,
    eos: [12],
    signal,
  }))
    add(event);
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

/** Chooses by all that its cache holds, so that a slot that is wrong or missing shows in every token after it. `failAt`: the call that fails. */
class RememberingDecoder {
  readonly slots = 256;
  readonly chunkTokens = 4;
  readonly maxSteps = 3;
  readonly #cache: number[] = [];
  failAt = -1;

  chunk({ ids, past }: ChunkRequest): Promise<ChunkResult> {
    this.#write(past, ids);
    return Promise.resolve({ chosen: [this.#next(past + ids.length)] } as ChunkResult);
  }

  decode(id: number, past: number, _rope: unknown, choice: Choice): Promise<number[]> {
    const chosen: number[] = [];
    for (let i = 0; i < choice.randoms.length; i++) {
      this.#write(past + i, [i === 0 ? id : chosen[i - 1]!]);
      chosen.push(this.#next(past + i + 1));
    }
    return Promise.resolve(chosen);
  }

  #write(past: number, ids: readonly number[]): void {
    if (this.failAt-- === 0) throw new PhiError('device-lost', 'The device is gone.');
    ids.forEach((id, i) => (this.#cache[past + i] = id));
  }

  #next(length: number): number {
    return this.#cache.slice(0, length).reduce((hash, id) => (Math.imul(hash, 31) + id) >>> 0, 7) % 8000;
  }
}

describe('generation under fire', () => {
  const PROMPT = Array.from({ length: 11 }, (_, i) => i * 37);
  const TOKENS = 20;
  const options = { sampling: GREEDY, maxTokens: TOKENS, eos: [] };

  async function reply(
    sequence: Sequence,
    prompt: number[],
    { signal, onToken }: { signal?: AbortSignal; onToken?: (count: number) => void } = {},
  ): Promise<number[]> {
    const ids: number[] = [];
    for await (const event of generateTokens(sequence, prompt, { ...options, signal })) {
      if (event.type === 'rope-switch') continue;
      ids.push(...(event.type === 'first' ? [event.id] : event.ids));
      onToken?.(ids.length);
    }
    return ids;
  }
  const fresh = () => new RememberingDecoder();
  const over = (decoder: RememberingDecoder): Sequence => new Sequence(decoder as Partial<Decoder> as Decoder, config);

  it('an abort at any token of a reply leaves the next reply right', async () => {
    const whole = await reply(over(fresh()), PROMPT);
    const next = [...PROMPT, ...whole.slice(0, 5), 42];
    const right = await reply(over(fresh()), next);
    for (let at = 1; at <= TOKENS; at++) {
      const sequence = over(fresh());
      const controller = new AbortController();
      const cut = await reply(sequence, PROMPT, {
        signal: controller.signal,
        onToken: (count) => count >= at && controller.abort(),
      });
      expect(cut).toEqual(whole.slice(0, cut.length));
      expect(cut.length).toBeLessThan(at + 3); // at most the run that was under way
      expect(await reply(sequence, next), `after an abort at token ${at}`).toEqual(right);
    }
  });

  it('a failure in any call leaves the next reply right', async () => {
    const right = await reply(over(fresh()), PROMPT);
    let failures = 0;
    for (let call = 0; call < TOKENS; call++) {
      const decoder = fresh();
      const sequence = over(decoder);
      decoder.failAt = call;
      await reply(sequence, PROMPT).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'device-lost' });
        failures++;
      });
      expect(await reply(sequence, PROMPT), `after a failure in call ${call}`).toEqual(right);
    }
    expect(failures).toBeGreaterThan(TOKENS / 4);
  });
});
