/** Features of the GPU that the decoder uses besides matrices: graph capture, limits of bindings, the choice of tokens, scores, and the loss of the device. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCase } from '../../../scripts/cli/evaluate/check.ts';
import { selectModel } from '../../../scripts/cli/evaluate/model-files.ts';
import type { EvaluateOptions } from '../../../workers/shared/evaluate-protocol.ts';
import { gguf, pathOf, readExpected, type Model } from '../../support/fixtures.ts';
import { SAMPLING } from '../../support/sampling.ts';
import { needDevice } from '../device.ts';
import { startGpuHost, type GpuEngine, type GpuHost } from '../host.ts';

const TOLERANCE = 0.06;
const TOKENS = 16;
/** Allowed difference of one sampled score, in nats, between WebGPU and WASM in float32. */
const SCORE_TOLERANCE = 0.001;
const EIGHT_BITS = gguf('phi4-mini', 'q8_0');
const FOUR_BITS = gguf('phi4', 'q4_0');

let host: GpuHost;
beforeAll(async () => {
  host = await startGpuHost(await needDevice());
});
afterAll(() => host.close());

const open = async (model: Model, options: Partial<EvaluateOptions>, bindingBytes?: number): Promise<GpuEngine> =>
  host.open(
    await selectModel(pathOf(model)),
    { backend: 'webgpu', form: 'auto', contextLength: 128, ...options },
    bindingBytes,
  );
const promptOf = (model: Model, tokens: number): number[] =>
  readExpected(model.expected).cases.find(({ input_ids }) => input_ids.length === tokens)!.input_ids;

describe('graph capture', () => {
  it('binds a step once, and says what steps without capture say', async () => {
    const prompt = promptOf(FOUR_BITS, 40);
    const steps = async (capture: boolean) => {
      const engine = await open(FOUR_BITS, { capture });
      const ids = await engine.call('sample', prompt, TOKENS, SAMPLING.greedy);
      const [, ...decode] = await engine.witness.takeReads(); // the first is the prompt's
      const sum = (of: 'dispatches' | 'bindGroups') => decode.reduce((total, read) => total + read[of], 0);
      return { ids, dispatches: sum('dispatches'), bindGroups: sum('bindGroups') };
    };
    const captured = await steps(true);
    const plain = await steps(false);
    expect(captured.ids).toEqual(readExpected(FOUR_BITS.expected).cases[1]!.greedy);
    expect(plain.ids).toEqual(captured.ids);
    // Without capture, every kernel of every step is bound again. With capture, all kernels of the first step are bound, and then only those that choose a token.
    expect(plain.bindGroups).toBeGreaterThan(plain.dispatches / 2);
    expect(captured.bindGroups).toBeLessThan(plain.bindGroups / 3);
  });
});

describe('limits and losses', () => {
  it('cuts a head and an embedding that one binding does not hold', async () => {
    const engine = await open(EIGHT_BITS, {}, 100_000);
    const report = await checkCase(engine, readExpected(EIGHT_BITS.expected).cases[0]!, 0, TOLERANCE);
    expect(report.problems).toEqual([]);
  });

  it('says that the device was lost, now and later', async () => {
    const engine = await open(EIGHT_BITS, {});
    const running = engine.call('sample', [1, 5, 9], 100, SAMPLING.greedy);
    running.catch(() => undefined); // heard below
    await engine.witness.destroyDevice();
    await expect(running).rejects.toMatchObject({ code: 'device-lost' });
    await expect(engine.call('lastLogits', [1, 5, 9])).rejects.toMatchObject({ code: 'device-lost' });
  });
});

describe('the choice of tokens and their scores', () => {
  it('are those of WASM in float32', async () => {
    const prompt = promptOf(EIGHT_BITS, 60);
    const ask = async (options: Partial<EvaluateOptions>) => {
      const engine = await open(EIGHT_BITS, options);
      const nucleus = await engine.call('sample', prompt, TOKENS, SAMPLING.nucleus);
      const penalty = await engine.call('sample', prompt, TOKENS, SAMPLING.penalty);
      return { ids: { nucleus, penalty }, ...(await engine.call('nll', prompt)) };
    };
    const gpu = await ask({ form: 'float32', activations: 'float32' });
    const cpu = await ask({ backend: 'wasm', form: 'float32', threads: 2 });
    expect(gpu.ids).toEqual(cpu.ids);
    expect(gpu.argmax).toEqual(cpu.argmax);
    for (const [i, value] of cpu.nll.entries()) expect(Math.abs(gpu.nll[i]! - value)).toBeLessThan(SCORE_TOLERANCE);
  });
});
