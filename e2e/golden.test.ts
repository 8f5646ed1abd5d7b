/** Tiny models against independent references: the whole engine in a real browser, float32 on WASM, one browser for all. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCase } from '../scripts/cli/evaluate/check.ts';
import { argmax } from '../scripts/cli/evaluate/compare.ts';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import type { WeightFormat } from '../workers/shared/protocol.ts';
import { folder, gguf, pathOf, present, readExpected, type Model } from './support/fixtures.ts';

const TOLERANCE = 0.02;
/** Graphs that were published in float16 computed their own reference with other roundings. */
const FLOAT16_TOLERANCE = 0.1;
/** A best token that leads by more than this survives int8 weights and activations. */
const INT8_GAP = 1.5;

const KINDS = ['phi3-mini-4k', 'phi3.5-mini', 'phi4-mini', 'phi4'];

/** Mixtures of experts. */
const MIXTURES = ['phi-moe', 'phi-tiny-moe'].map(folder);

/** The repository's own, and more beside a clone that has `../shared/fixtures`. */
const MODELS = present([
  ...KINDS.flatMap((kind) => ['q8_0', 'q4_0', 'q4_1', 'q4_k_m', 'q6_k'].map((type) => gguf(kind, type))),
  ...['f16', 'q5_k_m', 'iq4_nl'].map((type) => gguf('phi4-mini', type)),
  ...KINDS.map(folder),
  ...MIXTURES,
  ...KINDS.map((kind) => folder(`${kind}/onnx-cpu-int4`)),
  ...[
    'phi3-mini-4k/openvino-int8',
    'phi3.5-mini/openvino-int4-npu',
    'phi4-mini/openvino-int4',
    'phi4/openvino-int4-sym',
  ].map(folder),
  ...['phi3.5-mini/mlx-4bit', 'phi3.5-mini/mlx-8bit', 'phi4-mini/mlx-4bit', 'phi4-mini/mlx-8bit'].map(folder),
]);

const FLOAT16_MODELS = present([
  ...KINDS.map((kind) => folder(`${kind}/onnx-webgpu-int4`)),
  ...['phi3.5-mini/onnx-dml-int4', 'phi4-mini/onnx-dml-int4'].map(folder),
]);

/** One of each kind in 8 bits where there is one; else the best that there is. */
const INT8_MODELS = [
  ...present(KINDS.map((kind) => gguf(kind, 'q8_0'))),
  gguf('phi3-mini-4k', 'q4_1'),
  gguf('phi3.5-mini', 'q4_k_m'),
  gguf('phi4', 'q6_k'),
];

let host: EngineHost;
const open = async (model: Model, form: WeightFormat): Promise<Engine> =>
  host.open(await selectModel(pathOf(model)), { backend: 'wasm', form });

beforeAll(async () => {
  host = await startEngineHost({ gpu: false });
});

afterAll(async () => {
  await host.close();
  expect(host.session.foreign).toEqual([]);
});

describe('float32 on WASM equals the reference', () => {
  it.for(MODELS)('$path', async (model) => {
    const engine = await open(model, 'float32');
    expect(engine.report).toMatchObject({ backend: 'wasm', form: 'float32' });
    const { cases } = readExpected(model.expected);
    expect(cases.map((one) => one.input_ids.length)).toEqual([5, 40, 60, 100]);
    for (const [index, one] of cases.entries()) {
      const report = await checkCase(engine, one, index, TOLERANCE);
      expect(report.problems, `${report.promptTokens} tokens`).toEqual([]);
      expect(report.greedy!.equal, `${report.promptTokens} tokens, greedy`).toBe(16);
    }
  });
});

describe('float32 on WASM is close to a float16 reference', () => {
  it.for(FLOAT16_MODELS)('$path', async (model) => {
    const engine = await open(model, 'float32');
    for (const [index, one] of readExpected(model.expected).cases.entries()) {
      const report = await checkCase(engine, one, index, FLOAT16_TOLERANCE);
      expect(report.problems, `${report.promptTokens} tokens`).toEqual([]);
    }
  });
});

describe('int8 on WASM keeps every best token that is clearly ahead', () => {
  it.for(INT8_MODELS)('$path', async (model) => {
    const { cases } = readExpected(model.expected);
    const sequences = cases.map((one) => [...one.input_ids, ...one.greedy!]);

    const exact = await open(model, 'float32');
    const references = [];
    for (const ids of sequences) references.push(await exact.call('argmaxAll', ids));

    const engine = await open(model, 'int8');
    expect(engine.report.form).toBe('int8');
    // Our own kernels decode: their logits were compared with the session's.
    expect(engine.report.singleTokens).toEqual(expect.any(Number));
    let sure = 0;
    for (const [index, ids] of sequences.entries()) {
      const { argmax: ours } = await engine.call('argmaxAll', ids);
      const { argmax: theirs, gaps } = references[index]!;
      const positions = theirs.map((_, i) => i).filter((i) => gaps[i]! > INT8_GAP);
      expect(positions.map((i) => ours[i])).toEqual(positions.map((i) => theirs[i]));
      sure += positions.length;
      // The last prompt position once more against the file's own logits.
      const logits = cases[index]!.last_logits!;
      const best = argmax(logits);
      const gap = logits[best]! - Math.max(...logits.filter((_, id) => id !== best));
      if (gap > INT8_GAP) expect(argmax(await engine.call('lastLogits', cases[index]!.input_ids))).toBe(best);
    }
    expect(sure, 'positions that were compared').toBeGreaterThan(0);
  });
});

describe('int8 on WASM keeps nearly every best token of a mixture of experts that is clearly ahead', () => {
  // Which experts are the best two may be a matter of a thousandth, and another one says another thing: of random weights some such choices fall otherwise in any rounding.
  it.for(present(MIXTURES))('$path', async (model) => {
    const sequences = readExpected(model.expected).cases.map((one) => [...one.input_ids, ...one.greedy!]);
    const exact = await open(model, 'float32');
    const references = [];
    for (const ids of sequences) references.push(await exact.call('argmaxAll', ids));
    const engine = await open(model, 'int8');
    let [sure, kept] = [0, 0];
    for (const [index, ids] of sequences.entries()) {
      const { argmax: ours } = await engine.call('argmaxAll', ids);
      const { argmax: theirs, gaps } = references[index]!;
      theirs.forEach((best, i) => {
        if (gaps[i]! <= INT8_GAP) return;
        sure++;
        if (ours[i] === best) kept++;
      });
    }
    expect(sure).toBeGreaterThan(50);
    expect(kept / sure).toBeGreaterThan(0.96);
  });
});
