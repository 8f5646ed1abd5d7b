/** The WebGPU backend on SwiftShader: tiny models against independent references, and what it asks of the GPU. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCase } from '../scripts/evaluate/check.ts';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/evaluate/engine.ts';
import { selectModel } from '../scripts/evaluate/model-files.ts';
import type { WeightForm } from '../workers/protocol.ts';
import { fixture, needFixture, readExpected, reportAbsent } from './fixtures.ts';
import { destroyDevice, takeReads, watchGpu } from './gpu-witness.ts';

const TOLERANCE = 0.05;
const LAYERS = 3;
const CONTEXT = 128;

const gguf = (kind: string, type: string): [string, string] => [`phi/${kind}/gguf/${type}.gguf`, `phi/${kind}/gguf/${type}.expected.json`];
const folder = (path: string): [string, string] => [`phi/${path}`, `phi/${path}/expected.json`];

/** Model, reference, and the form that holds it exactly: each way of computing once, each kind of model at least once. */
const EXACT: [string, string, WeightForm][] = [
  [...gguf('phi3-mini-4k', 'q8_0'), 'int8-blocks'], // a window: attention without graph capture
  [...gguf('phi3.5-mini', 'q4_k_m'), 'int4'], // mins, and Q6_K in blocks of 16
  [...gguf('phi4', 'q4_0'), 'int4'],
  [...gguf('phi4-mini', 'q4_1'), 'int4'],
  [...gguf('phi4-mini', 'q6_k'), 'int8-blocks'],
  [...gguf('phi4-mini', 'q5_k_m'), 'int8-blocks'], // 8 bits with mins
  [...gguf('phi4-mini', 'q8_0'), 'float32'],
  [...folder('phi4-mini/openvino-int4'), 'int4'], // zero points, one scale a channel
];

let host: EngineHost;
const open = async (path: string, form: WeightForm): Promise<Engine> =>
  host.open(await selectModel(needFixture(path)), { backend: 'webgpu', form, contextLength: CONTEXT });

beforeAll(async () => {
  reportAbsent(EXACT.map(([, expected]) => expected));
  host = await startEngineHost({});
});

afterAll(async () => {
  await host.close();
  expect(host.session.foreign).toEqual([]);
});

describe('a form that holds the file exactly equals the reference', () => {
  it.for(EXACT)('%s as %s', async ([model, reference, form], { skip }) => {
    skip(fixture(reference) === null, `${reference} is absent`);
    const engine = await open(model, form);
    expect(engine.report).toMatchObject({ backend: 'webgpu', form, device: 'WebGPU on SwiftShader (software)', nodesOnWasm: 0, graphs: 1 });
    for (const [index, one] of readExpected(reference).cases.entries()) {
      const report = await checkCase(engine, one, index, TOLERANCE);
      expect(report.problems, `${report.promptTokens} tokens`).toEqual([]);
      expect(report.greedy!.equal, `${report.promptTokens} tokens, greedy`).toBe(16);
    }
  });
});

describe('what crosses and what is dispatched', () => {
  const prompt = [1, 5, 9];

  /** Reads of the ids of decode runs: those behind which the network ran. Prefill reads scores and one id; the gaps are evaluation. */
  const decodeReads = async (engine: Engine) => {
    await watchGpu(host.session.page);
    await takeReads(host.session.page);
    const { ids } = await engine.call('greedy', prompt, 6);
    expect(ids).toHaveLength(6);
    const reads = await takeReads(host.session.page);
    return reads.filter(({ bytes, dispatches }) => bytes === 4 && dispatches > 0);
  };

  it.for([
    ['phi/phi4/gguf/q4_0.gguf', 8],
    ['phi/phi4-mini/gguf/q4_1.gguf', 20],
  ] as [string, number][])('%s: at most %d dispatches a layer and 10, four bytes, nothing bound anew', async ([model, perLayer], { skip }) => {
    skip(fixture(model) === null, `${model} is absent`);
    await watchGpu(host.session.page);
    const engine = await open(model, 'int4');
    const reads = await decodeReads(engine);
    expect(reads.length).toBeGreaterThanOrEqual(3);
    for (const { dispatches } of reads.slice(1)) expect(dispatches).toBeLessThanOrEqual(perLayer * LAYERS + 10);
    // The first run is captured; the others replay it, and bind only for the choice of the token.
    for (const { bindGroups } of reads.slice(1)) expect(bindGroups).toBe(1);
  });

  it('cuts a head and an embedding that one binding does not hold', async ({ skip }) => {
    const [model, reference] = gguf('phi4-mini', 'q4_1');
    skip(fixture(reference) === null, `${reference} is absent`);
    await watchGpu(host.session.page, 100_000);
    const engine = await open(model, 'int4');
    const report = await checkCase(engine, readExpected(reference).cases[0]!, 0, TOLERANCE);
    expect(report.problems).toEqual([]);
    expect(report.greedy!.equal).toBe(16);
    await host.session.page.unrouteAll();
  });

  it('says that the device was lost', async ({ skip }) => {
    const model = 'phi/phi4/gguf/q4_0.gguf';
    skip(fixture(model) === null, `${model} is absent`);
    await watchGpu(host.session.page);
    const engine = await open(model, 'int4');
    await engine.call('greedy', prompt, 2);
    const running = engine.call('greedy', prompt, 64);
    running.catch(() => undefined);
    await destroyDevice(host.session.page);
    await expect(running).rejects.toMatchObject({ code: 'device-lost' });
    await expect(engine.call('lastLogits', prompt)).rejects.toMatchObject({ code: 'device-lost' });
    await host.session.page.unrouteAll();
  });
});
