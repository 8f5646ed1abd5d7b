/** Single tokens by our own kernels on WASM: they say what the session says, on any number of threads, and helpers may fail. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import { gguf, pathOf, readExpected, type Model } from './support/fixtures.ts';
import { EVALUATION, ejectAll, inject } from './support/inject.ts';

const TOKENS = 24;
/** Logits of a step and of a chunk are rounded differently; they are around 8. */
const MOST_DIFFERENCE = 0.1;
const MODEL = gguf('phi4-mini', 'q8_0');

let host: EngineHost;
beforeAll(async () => {
  host = await startEngineHost({ gpu: false });
});
afterAll(async () => {
  await host.close();
});
afterEach(async () => {
  await ejectAll(host.session.page);
});

const open = async (model: Model, threads: number, stages = 1): Promise<Engine> =>
  host.open(await selectModel(pathOf(model)), { backend: 'wasm', form: 'int8', threads, stages });

/** Runs in the evaluation worker: its helpers die, do not start, or are ended when they get their tenth piece of work. */
function spoilHelpers(fault: 'dead' | 'silent' | 'ended later'): void {
  const helpers: Worker[] = [];
  self.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      if (!String(args[0]).includes('step.worker')) return;
      helpers.push(this);
      if (fault === 'ended later') return;
      this.terminate();
      if (fault === 'dead') setTimeout(() => this.dispatchEvent(new ErrorEvent('error', { message: 'spoilt' })));
    }
  };
  let pieces = 0;
  const { notify } = Atomics;
  Reflect.set(Atomics, 'notify', (words: Int32Array, index: number) => {
    if (fault === 'ended later' && ++pieces === 10) helpers.forEach((helper) => helper.terminate());
    return notify(words, index);
  });
}

/** The best tokens after a prompt, which single steps choose. */
const greedy = async (engine: Engine, ids: number[]) => (await engine.call('greedy', ids, TOKENS)).ids;

describe('single tokens', () => {
  // A window of 64 tokens; LongRoPE from 64 tokens on, with and without heads that are rotated in part; grouped heads that three threads share.
  it.each([gguf('phi3-mini-4k', 'q4_1'), gguf('phi3.5-mini', 'q4_k_m'), MODEL, gguf('phi4', 'q6_k')])(
    'of $path are the same on one thread and on three, and those that the session would choose',
    async (model) => {
      const prompts = readExpected(model.expected).cases.map((one) => one.input_ids);
      const one = await open(model, 1);
      expect(one.report.singleTokens).toBe(1);
      const alone = [];
      for (const prompt of prompts) alone.push(await greedy(one, prompt));

      const three = await open(model, 3);
      expect(three.report.singleTokens).toBe(3);
      for (const [index, prompt] of prompts.entries()) {
        const reply = await greedy(three, prompt);
        expect(reply, `${prompt.length} tokens`).toEqual(alone[index]);
        const { argmax } = await three.call('argmaxAll', [...prompt, ...reply]);
        for (const [at, id] of reply.entries()) {
          if (argmax[prompt.length + at - 1] === id) continue;
          const logits = await three.call('lastLogits', [...prompt, ...reply.slice(0, at)]);
          expect(logits[id], `${prompt.length} tokens, step ${at}`).toBeGreaterThan(
            Math.max(...logits) - MOST_DIFFERENCE,
          );
        }
      }
    },
  );

  it.each(['dead', 'silent'] as const)('are decoded on one thread where helpers are %s', async (fault) => {
    const prompt = readExpected(MODEL.expected).cases[1]!.input_ids;
    const expected = await greedy(await open(MODEL, 2), prompt);
    await inject(host.session.page, EVALUATION, spoilHelpers, fault);
    const engine = await open(MODEL, 2);
    expect(engine.report.singleTokens).toBe(1);
    expect(await greedy(engine, prompt)).toEqual(expected);
  });

  it('end with the helper that they wait for', async () => {
    await inject(host.session.page, EVALUATION, spoilHelpers, 'ended later');
    const engine = await open(MODEL, 2);
    expect(engine.report.singleTokens).toBe(2);
    const prompt = readExpected(MODEL.expected).cases[0]!.input_ids;
    // It is gone two seconds later.
    const replies = async () => {
      for (let i = 0; i < 100; i++) await engine.call('greedy', prompt, 200);
    };
    await expect(replies()).rejects.toMatchObject({ code: 'worker-died' });
  });

  // The last one: Playwright keeps workers of stages in its list when they are gone, and would wait for them at the next injection.
  it('in two stages are those of one', async () => {
    const prompts = readExpected(MODEL.expected).cases.map((one) => one.input_ids);
    const whole = await open(MODEL, 2);
    const expected = [];
    for (const prompt of prompts) expected.push(await greedy(whole, prompt));
    const engine = await open(MODEL, 2, 2);
    expect(engine.report).toMatchObject({ graphs: 2, singleTokens: 2 });
    for (const [index, prompt] of prompts.entries()) {
      const reply = await greedy(engine, prompt);
      const { gaps } = await engine.call('argmaxAll', [...prompt, ...reply]);
      // The embedding keeps more bits in stages: a choice between two tokens that are as good may fall otherwise, and what follows with it.
      const firstClose = reply.findIndex((_, at) => gaps[prompt.length + at - 1]! < MOST_DIFFERENCE);
      const clear = firstClose < 0 ? reply.length : firstClose;
      expect(reply.slice(0, clear), `${prompt.length} tokens`).toEqual(expected[index]!.slice(0, clear));
    }
  });
});
