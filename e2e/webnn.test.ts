/** The WebNN backend in the shell, where LiteRT runs it on the CPU: right tokens, one graph, an honest report, and what crosses. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../scripts/build/app.ts';
import { checkTeacherForced } from '../scripts/cli/evaluate/check.ts';
import { compareLogits } from '../scripts/cli/evaluate/compare.ts';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import { STARTER_ID } from '../src/models/starter.ts';
import type { WeightFormat } from '../workers/shared/protocol.ts';
import {
  firstTokens,
  folder,
  gguf,
  matrix,
  pathOf,
  readExpected,
  safetensors,
  type Model,
} from './support/fixtures.ts';
import { ALL } from './support/long.ts';
import { exactCases, expectExact } from './support/exact.ts';
import { SAMPLING } from './support/sampling.ts';
import { takeWebnnReads, watchWebnn, webnnFacts } from './support/webnn-witness.ts';

/** Room for 60 tokens of prompt: prefill graphs, and the recent cache settled once and more. */
const CONTEXT = 192;
/** More slots than the graph for single tokens of short contexts looks at (NEAR_SLOTS of webnn/step-graphs.ts). */
const BEYOND_NEAR = 1100;
const CANDIDATE_BYTES = 4096;

/** Model, form, and the prompts (by their tokens) that are checked by `npm test`: blocks are slow on LiteRT. */
const EXACT = exactCases(
  matrix<[Model, WeightFormat, number[]]>(
    [
      [gguf('phi3-mini-4k', 'q4_1'), 'float32', [5, 40, 60, 100]],
      [gguf('phi3.5-mini', 'q4_k_m'), 'float32', [5, 40, 60, 100]],
      [gguf('phi4-mini', 'q4_1'), 'float32', [5, 40, 60, 100]],
      [gguf('phi4', 'q6_k'), 'float32', [5, 40, 60, 100]],
      [gguf('phi4-mini', 'q8_0'), 'int8-blocks', [5]],
      [gguf('phi4-mini', 'q4_1'), 'int4', [5]],
      [gguf('phi4', 'q4_0'), 'int4', [5]],
      [folder('phi3.5-mini/openvino-int4-npu'), 'int4-columns', [5, 40]],
    ],
    [
      [gguf('phi3-mini-4k', 'q8_0'), 'float32', []],
      [gguf('phi3-mini-4k', 'q8_0'), 'int8-blocks', []],
      [gguf('phi4', 'q8_0'), 'int8-blocks', []],
      [gguf('phi3.5-mini', 'q4_1'), 'int4', []],
      [gguf('phi3-mini-4k', 'q4_0'), 'int4', []],
      [gguf('phi4-mini', 'q4_k_m'), 'float32', []],
      [safetensors('phi4-mini'), 'float32', []],
    ],
  ),
);
const STARTER = 'starter/expected.json';
const NLL_TOLERANCE = 0.001;
/** Of the reference text; more than one chunk. `npm run test:backends` takes all of it. */
const TEXT_TOKENS = 160;

let host: EngineHost;
const open = async (path: string, form: WeightFormat, contextLength: number): Promise<Engine> =>
  host.open(await selectModel(path), { backend: 'webnn', device: 'npu', form, contextLength });

beforeAll(async () => {
  host = await startEngineHost({});
  await watchWebnn(host.session.page);
});

afterAll(async () => {
  await host.close();
  expect(host.session.foreign).toEqual([]);
});

describe('a form that holds the file exactly equals the reference', () => {
  it.for(EXACT)('$name', async (one) => {
    const { model, form } = one;
    const engine = await open(pathOf(model), form, CONTEXT);
    expect(engine.report).toMatchObject({ backend: 'webnn', form, device: 'WebNN on CPU', nodesOnWasm: 0, graphs: 1 });
    expect(engine.report.asked.device).toBe('npu');
    await expectExact(engine, one);
  });
});

/** An NPU's caches are float16. LiteRT is not what this spelling is for; the numbers are. */
const NPU_TOLERANCE = 0.05;

describe('the graph spelled for NPUs', () => {
  it.for([
    [gguf('phi3-mini-4k', 'q4_1'), 'float32', [40], CONTEXT],
    [gguf('phi4-mini', 'q8_0'), 'float32', [100], BEYOND_NEAR], // single tokens look at the first slots alone
    [folder('phi3.5-mini/openvino-int4-npu'), 'int4-columns', [40], CONTEXT],
  ] as const)('computes $0.name, $1, as the reference', async ([model, form, prompts, contextLength]) => {
    const engine = await host.open(await selectModel(pathOf(model)), {
      backend: 'webnn',
      device: 'npu',
      form,
      contextLength,
      webnnDialect: 'npu',
    });
    expect(engine.report).toMatchObject({ device: 'WebNN on CPU', nodesOnWasm: 0, graphs: 1 });
    const cases = readExpected(model.expected).cases.filter(({ input_ids: ids }) =>
      prompts.some((length) => length === ids.length),
    );
    expect(cases).toHaveLength(prompts.length);
    for (const { input_ids: ids, last_logits: logits, greedy } of cases) {
      expect(compareLogits(await engine.call('lastLogits', ids), logits!, NPU_TOLERANCE).problem).toBeNull();
      expect(await engine.call('sample', ids, greedy!.length, SAMPLING.greedy)).toEqual(greedy);
    }
  });
});

describe('the starter', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await open(join(ROOT, 'public', 'models', STARTER_ID), 'float32', 1024);
  });

  it('runs as one graph on the CPU, and says so although the NPU was asked', async () => {
    expect(engine.report).toMatchObject({
      device: 'WebNN on CPU',
      nodesOnWasm: 0,
      graphs: 1,
      asked: { device: 'npu' },
    });
    const { wishes, devices } = await webnnFacts(host.session.page);
    expect(wishes).toEqual([{ deviceType: 'npu' }]);
    expect([...new Set(devices)]).toEqual(['cpu']);
  });

  it('scores a text and replies as the reference', async () => {
    const { cases, teacher_forced: text } = readExpected(STARTER);
    const report = await checkTeacherForced(engine, ALL ? text! : firstTokens(text!, TEXT_TOKENS), NLL_TOLERANCE);
    console.log(
      `mean NLL ${report.meanNll.toFixed(5)} (${report.difference!.toFixed(5)} against the reference), argmax ${report.argmax!.equal}/${report.argmax!.compared}`,
    );
    expect(report.problem).toBeNull();
    expect(report.argmax!.equal).toBe(report.argmax!.compared);
    for (const one of ALL ? cases : cases.slice(0, 1)) {
      const ids = await engine.call('sample', one.input_ids, one.greedy!.length, SAMPLING.greedy);
      expect(ids).toEqual(one.greedy);
    }
  });

  it('lets nothing but candidates cross, whatever the sampling', async () => {
    const tokens = 8;
    // After the second, likely tokens lie so close together in the vocabulary that their blocks hold more than there are places for candidates.
    const prompts = [
      readExpected(STARTER).cases[0]!.input_ids,
      Array.from({ length: 100 }, (_, i) => 100 + ((i * 37) % 20_000)),
    ];
    for (const [prompt, sampling] of prompts.flatMap((prompt) =>
      Object.values(SAMPLING).map((sampling) => [prompt, sampling] as const),
    )) {
      await takeWebnnReads(host.session.page);
      expect(await engine.call('sample', prompt, tokens, sampling)).toHaveLength(tokens);
      const reads = await takeWebnnReads(host.session.page);
      expect(reads).toHaveLength(tokens);
      for (const { readBytes } of reads) expect(readBytes).toBeLessThanOrEqual(CANDIDATE_BYTES);
      for (const { dispatches } of reads.slice(1)) expect(dispatches).toBe(1);
    }
  });
});

it('lets nothing but candidates cross from a random model, whose distribution is flat', async () => {
  const model = gguf('phi4-mini', 'q4_1');
  const engine = await open(pathOf(model), 'float32', CONTEXT);
  for (const sampling of Object.values(SAMPLING)) {
    await takeWebnnReads(host.session.page);
    await engine.call('sample', [1, 5, 9], 8, sampling);
    const reads = await takeWebnnReads(host.session.page);
    expect(reads).toHaveLength(8);
    for (const { readBytes } of reads) expect(readBytes).toBeLessThanOrEqual(CANDIDATE_BYTES);
  }
});
