/** Results as the page makes them, for tests. */
import { figure, type Figure } from '../figure.ts';
import type { CompareResult, Measured } from '../result.ts';

const f = (...rounds: number[]): Figure => figure(rounds)!;

/** A sound row; `decode` are its rounds. */
export function row(change: Partial<Measured> = {}, decode: number[] = [20, 21, 22]): Measured {
  return {
    label: 'WASM threads',
    backend: 'wasm',
    asked: { backend: 'wasm', device: null, threads: null, form: 'auto' },
    device: 'CPU, 8 threads',
    kind: 'cpu',
    form: 'int8',
    model: 'SmolLM2 135M Instruct (Q4_1)',
    graphs: 1,
    nodesOnWasm: 0,
    threads: 8,
    contextLength: 544,
    tests: [
      { kind: 'pp', tokens: 512, depth: 0, tokensPerSecond: f(255, 260, 262), samples: [255, 262, 260] },
      { kind: 'tg', tokens: 128, depth: 0, tokensPerSecond: f(...decode), samples: decode },
    ],
    tasks: [],
    coldStart: { ms: 2400, fetchedBytes: 14e6, storedBytes: 98_362_432 },
    battery: null,
    order: 1,
    pausedMs: 0,
    otherModel: false,
    notes: [],
    traces: [
      {
        promptTokens: 32,
        arrivals: [
          [210, 1, 3],
          [260, 2, 10],
          [310, 2, 5],
        ],
      },
    ],
    weightError: null,
    loadMs: f(1200),
    compileMs: f(800),
    prepareMs: null,
    ttftMs: f(2000, 2050, 2100),
    prefillTokensPerSecond: f(240, 250, 260),
    decodeTokensPerSecond: f(...decode),
    decodeAtEndTokensPerSecond: f(...decode.map((rate) => rate * 0.9)),
    lengths: [
      {
        promptTokens: 32,
        ttftMs: f(200, 210, 220),
        prefillTokensPerSecond: f(150, 152, 160),
        decodeTokensPerSecond: f(...decode),
      },
      {
        promptTokens: 512,
        ttftMs: f(2000, 2050, 2100),
        prefillTokensPerSecond: f(240, 250, 260),
        decodeTokensPerSecond: f(...decode.map((rate) => rate * 0.9)),
      },
    ],
    memory: { engineBytes: 180e6, pageBytes: null },
    agreement: {
      atGap07: { equal: 150, steps: 150, share: 1 },
      all: { equal: 240, steps: 243, share: 240 / 243 },
      firstDisagreement: { step: 118, expected: 284, got: 253, gap: 0.12 },
      meanNll: 3.6,
    },
    reply: [
      [210, 'The'],
      [260, ' lamp went'],
      [310, ' out.'],
    ],
    ...change,
  };
}

export const npuRow = (decode?: number[]) =>
  row(
    {
      label: 'WebNN NPU',
      backend: 'webnn',
      asked: { backend: 'webnn', device: 'npu', threads: null, form: 'auto' },
      device: 'WebNN on NPU',
      kind: 'npu',
    },
    decode,
  );
export const gpuRow = (decode?: number[]) =>
  row(
    {
      label: 'WebGPU',
      backend: 'webgpu',
      asked: { backend: 'webgpu', device: null, threads: null, form: 'auto' },
      device: 'WebGPU on Intel Xe',
      kind: 'gpu',
      form: 'int4',
    },
    decode,
  );

export function result(rows: CompareResult['rows'] = [row()]): CompareResult {
  return {
    format: 'phi-in-a-tab/compare',
    version: 2,
    date: '2026-11-24T10:00Z',
    source: null,
    model: { name: 'SmolLM2 135M Instruct (Q4_1)', bytes: 98_362_432, fingerprint: 'ab'.repeat(32), context: 8192 },
    machine: {
      browser: 'Chrome 156',
      system: 'Windows',
      adapter: 'intel xe-2lpg',
      cores: 8,
      memoryGigabytes: 8,
      isolated: true,
    },
    settings: {
      setting: 'quick',
      promptTokens: [32, 512],
      headlineTokens: 512,
      decodeTokens: 32,
      rounds: 3,
      loads: 1,
      contextLength: 544,
      shuffled: false,
      cancelled: false,
    },
    reference: { kind: 'recorded', name: 'transformers, float32', steps: 243 },
    rows,
  };
}
