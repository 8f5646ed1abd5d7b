/**
 * The WebGPU backend on SwiftShader: tiny models against independent references, and what it asks of the GPU. SwiftShader is slow: here is one case
 * for each way of computing; `npm run test:backends` takes the whole matrix.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareLogits } from '../scripts/cli/evaluate/compare.ts';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import { stackedFolder } from '../workers/engine/checkpoint/testing/phi-moe-variants.ts';
import { spoilToken } from '../workers/engine/checkpoint/testing/scaled-gguf.ts';
import type { WeightFormat } from '../workers/shared/protocol.ts';
import { folder, gguf, matrix, needFixture, pathOf, readExpected, type Model } from './support/fixtures.ts';
import { destroyDevice, loseDeviceAt, takeReads, watchGpu } from './support/gpu-witness.ts';
import { exactCases, expectExact } from './support/exact.ts';
import { ejectAll } from './support/inject.ts';
import { ALL } from './support/long.ts';
import { SAMPLING } from './support/sampling.ts';

const LAYERS = 3;
const CONTEXT = 128;
const CANDIDATE_BYTES = 4096;

/** Model, the form that holds it exactly, and the prompts (by their tokens) that are checked by `npm test`. */
const EXACT = exactCases(
  matrix<[Model, WeightFormat, number[]]>(
    [
      [gguf('phi3-mini-4k', 'q4_1'), 'int4', [60]], // the window is crossed: attention without graph capture
      [gguf('phi4-mini', 'q8_0'), 'int8-blocks', [5]],
      [gguf('phi4', 'q4_0'), 'int4', [5]], // symmetric
      [folder('phi-moe'), 'float32', [60]],
    ],
    [
      [gguf('phi4-mini', 'q8_0'), 'float32', [5]],
      [folder('phi-tiny-moe'), 'float32', []],
      [gguf('phi3-mini-4k', 'q8_0'), 'int8-blocks', []],
      [gguf('phi3.5-mini', 'q4_k_m'), 'int4', []], // mins, and Q6_K in blocks of 16
      [gguf('phi4-mini', 'q4_1'), 'int4', []],
      [gguf('phi4-mini', 'q6_k'), 'int8-blocks', []],
      [gguf('phi4-mini', 'q5_k_m'), 'int8-blocks', []], // 8 bits with mins
      [folder('phi4-mini/openvino-int4'), 'int4', []], // zero points, one scale a channel
    ],
  ),
);

let host: EngineHost;
const open = async (model: Model, form: WeightFormat): Promise<Engine> =>
  host.open(await selectModel(pathOf(model)), { backend: 'webgpu', form, contextLength: CONTEXT });

beforeAll(async () => {
  host = await startEngineHost({});
});

afterAll(async () => {
  await host.close();
  expect(host.session.foreign).toEqual([]);
});

describe('a form that holds the file exactly equals the reference', () => {
  it.for(EXACT)('$name', async (one) => {
    const { model, form } = one;
    const engine = await open(model, form);
    expect(engine.report).toMatchObject({
      backend: 'webgpu',
      form,
      device: 'WebGPU on SwiftShader (software)',
      nodesOnWasm: 0,
      graphs: 1,
    });
    await expectExact(engine, one);
  });
});

/**
 * Its references are in floats, and rounding to blocks sends tokens to other experts. So the reference of the blocks is the same file in float32 on
 * WASM, which golden.test.ts holds to transformers.
 */
describe('a mixture of experts in blocks', () => {
  it.for(ALL ? ([4, 8] as const) : ([4] as const))('of %i bits has the logits and tokens of float32', async (bits) => {
    const scratch = await mkdtemp(join(tmpdir(), 'phi-mixture-'));
    try {
      for (const [name, bytes] of stackedFolder('phi-moe', bits, { whole: true }))
        await writeFile(join(scratch, name), bytes);
      const form = bits === 4 ? 'int4' : 'int8-blocks';
      const options = { contextLength: CONTEXT } as const;
      const exact = await host.open(await selectModel(scratch), { ...options, backend: 'wasm', form: 'float32' });
      const prompts = readExpected(folder('phi-moe').expected).cases.map(({ input_ids: ids }) => ids);
      const wanted = [];
      for (const ids of ALL ? prompts : prompts.slice(0, 1))
        wanted.push({
          ids,
          logits: await exact.call('lastLogits', ids),
          greedy: await exact.call('sample', ids, 8, SAMPLING.greedy),
        });
      const engine = await host.open(await selectModel(scratch), { ...options, backend: 'webgpu', form });
      expect(engine.report).toMatchObject({ backend: 'webgpu', form, nodesOnWasm: 0 });
      for (const { ids, logits, greedy } of wanted) {
        const { problem } = compareLogits(await engine.call('lastLogits', ids), [...logits], 0.05);
        expect(problem, `${ids.length} tokens`).toBeNull();
        expect(await engine.call('sample', ids, 8, SAMPLING.greedy), `after ${ids.length} tokens`).toEqual(greedy);
      }
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
});

describe('what crosses and what is dispatched', () => {
  const prompt = [1, 5, 9];
  const tokens = 6;

  // A minimum takes two dispatches more for each of a layer's four matrices, and where gate and up have one, norm, split and activation are not fused.
  const withMinimum = {
    name: 'int4 with a minimum, and the LongRoPE switch',
    model: gguf('phi4-mini', 'q4_1'),
    perLayer: 20,
    prompts: [60],
  };
  const symmetric = { name: 'int4, symmetric', model: gguf('phi4', 'q4_0'), perLayer: 8, prompts: [5] };
  it.for(ALL ? [symmetric, withMinimum] : [withMinimum])(
    '$name: right, at most $perLayer dispatches a layer and 10, ids alone cross, nothing is bound anew',
    async ({ model, perLayer, prompts }) => {
      const { page } = host.session;
      await watchGpu(page);
      const engine = await open(model, 'int4');
      await expectExact(engine, { model, form: 'int4', prompts });
      const reads = async (work: () => Promise<unknown>) => {
        await takeReads(page);
        await work();
        return takeReads(page);
      };
      // Prefill reads the scores of a row and one id.
      const greedy = await reads(() => engine.call('sample', prompt, tokens, SAMPLING.greedy));
      const decode = greedy.slice(-(tokens - 1));
      for (const { bytes } of decode) expect(bytes).toBe(4);
      // The first run is captured; the others replay it, and bind only for the choice of the token.
      for (const { dispatches, bindGroups } of decode.slice(1)) {
        expect(dispatches).toBeLessThanOrEqual(perLayer * LAYERS + 10);
        expect(bindGroups).toBe(1);
      }
      const sampled = await reads(() => engine.call('sample', prompt, tokens, SAMPLING.nucleus));
      for (const { bytes } of sampled) expect(bytes).toBeLessThanOrEqual(CANDIDATE_BYTES);
      await ejectAll(page);
    },
  );

  it('says that logits are NaN, and chooses no token from them', async () => {
    const { path } = gguf('phi4', 'q4_0');
    const spoilt = prompt.at(-1)!;
    const scratch = await mkdtemp(join(tmpdir(), 'phi-spoilt-'));
    try {
      const file = join(scratch, 'spoilt.gguf');
      await writeFile(file, await spoilToken(readFileSync(needFixture(path)), spoilt));
      const options = { backend: 'webgpu', form: 'int4', contextLength: CONTEXT } as const;
      const engine = await host.open(await selectModel(file), options);
      expect(await engine.call('sample', prompt.slice(0, -1), 1, SAMPLING.greedy)).toHaveLength(1);
      for (const sampling of [SAMPLING.greedy, SAMPLING.nucleus])
        await expect(engine.call('sample', prompt, tokens, sampling)).rejects.toMatchObject({
          code: 'backend',
          message: expect.stringContaining('computed NaN or infinite logits') as string,
        });
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });

  it('cuts a head and an embedding that one binding does not hold, and says that the device was lost', async () => {
    const model = gguf('phi4-mini', 'q4_1');
    const { page } = host.session;
    await watchGpu(page, 100_000);
    const engine = await open(model, 'int4');
    // Under a limit as small as this one ONNX Runtime cuts the scores of a longer prompt too, which no real limit does, and runs out of bindings.
    await expectExact(engine, { model, form: 'int4', prompts: [5] }, false);

    const running = engine.call('sample', prompt, 64, SAMPLING.greedy);
    running.catch(() => undefined);
    await destroyDevice(page);
    await expect(running).rejects.toMatchObject({ code: 'device-lost' });
    await expect(engine.call('lastLogits', prompt)).rejects.toMatchObject({ code: 'device-lost' });

    // In the middle of a prompt: inputs are written first, then kernels are submitted in groups.
    const again = await open(model, 'int4');
    await loseDeviceAt(page, 8);
    await expect(again.call('lastLogits', prompt)).rejects.toMatchObject({ code: 'device-lost' });
    await ejectAll(page);
  });
});
