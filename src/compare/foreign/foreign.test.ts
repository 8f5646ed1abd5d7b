import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { testName } from '../plan.ts';
import { measuredRows, type CompareResult } from '../result.ts';
import { gpuRow, result, row } from '../testing/results.ts';
import { toLlamaBench } from './llama-bench.ts';
import { toLocalMode } from './localmode-export.ts';
import { openResult } from './open.ts';

const open = (value: unknown, name = 'file.json'): Promise<CompareResult> =>
  openResult(new File([typeof value === 'string' ? value : JSON.stringify(value)], name));

/** A test as llama-bench writes it; the figures are invented. */
const test = (change: object) => ({
  build_commit: 'abc1234',
  build_number: 7000,
  cpu_info: 'Some CPU       ',
  gpu_info: '',
  backends: 'CPU',
  model_filename: '/home/somebody/models/starter.Q4_1.gguf',
  model_type: 'llama 256M Q4_1',
  model_size: 98_000_000,
  n_threads: 2,
  n_gpu_layers: 0,
  n_prompt: 0,
  n_gen: 0,
  n_depth: 0,
  test_time: '2026-11-24T10:00:12Z',
  avg_ts: 200,
  stddev_ts: 2,
  samples_ts: [198, 200, 202],
  ...change,
});

describe('llama-bench', () => {
  const file = [
    test({ n_prompt: 128 }),
    test({ n_prompt: 512, samples_ts: [245, 250, 256] }),
    test({ n_gen: 128, samples_ts: [20, 21, 22] }),
    test({ n_gen: 128, n_depth: 1024, samples_ts: [17, 18, 19] }),
    test({ n_prompt: 512, n_gen: 128 }),
  ];

  it('is a row with its tests, under the model’s name without its path', async () => {
    const read = await open(file);
    expect(read).toMatchObject({
      source: { tool: 'llama-bench', version: '7000 abc1234' },
      date: '2026-11-24T10:00Z',
      model: { name: 'starter.Q4_1.gguf', bytes: 98_000_000, fingerprint: null },
      settings: { setting: 'imported', headlineTokens: 512, decodeTokens: 128, rounds: 3 },
    });
    expect(JSON.stringify(read)).not.toContain('somebody');
    const [only, ...others] = measuredRows(read);
    expect(others).toEqual([]);
    expect(only).toMatchObject({
      label: 'llama.cpp CPU, 2 threads',
      backend: 'native',
      kind: 'cpu',
      form: 'Q4_1',
      otherModel: false,
      prefillTokensPerSecond: { median: 250, spread: 11, rounds: 3 },
      ttftMs: { median: 2048 },
      decodeTokensPerSecond: { median: 21 },
    });
    expect(only!.tests.map(testName)).toEqual(['pp128', 'pp512', 'tg128', 'tg128 @ d1024']);
  });

  it('is read as lines, without samples, and with several models', async () => {
    const gpu = test({ n_gen: 32, n_gpu_layers: 99, backends: 'CUDA', gpu_info: 'Some GPU', model_filename: 'b.gguf' });
    const { samples_ts, ...old } = test({ n_gen: 128, avg_ts: 30, stddev_ts: 1 });
    expect(samples_ts).toHaveLength(3);
    const read = await open(
      [old, test({ n_prompt: 512, n_threads: 4 }), gpu].map((one) => JSON.stringify(one)).join('\n'),
    );
    expect(measuredRows(read).map(({ label, otherModel, kind }) => ({ label, otherModel, kind }))).toEqual([
      { label: 'llama.cpp CPU, 2 threads', otherModel: false, kind: 'cpu' },
      { label: 'llama.cpp CPU, 4 threads', otherModel: false, kind: 'cpu' },
      { label: 'llama.cpp CUDA, 2 threads', otherModel: true, kind: 'gpu' },
    ]);
    expect(measuredRows(read)[0]!.decodeTokensPerSecond).toEqual({ median: 30, spread: 2, rounds: 1 });
    expect(measuredRows(read)[1]).toMatchObject({ decodeTokensPerSecond: null, ttftMs: { rounds: 3 } });
  });

  it.each([
    [-1, 'CUDA', 'gpu'],
    [99, 'Vulkan', 'gpu'],
    [0, 'CUDA', 'cpu'],
    [-1, 'CPU', 'cpu'],
  ])('with %i layers on %s ran on the %s', async (n_gpu_layers, backends, kind) => {
    const read = await open([test({ n_gen: 32, n_gpu_layers, backends, gpu_info: 'Some GPU' })]);
    expect(measuredRows(read)[0]!.kind).toBe(kind);
  });

  it('is refused by name where it is damaged', async () => {
    await expect(open([test({ n_prompt: 'many' })])).rejects.toThrow(/llama-bench file is damaged at "0\.n_prompt"/);
    await expect(open([test({ n_gen: 1, samples_ts: [-1] })])).rejects.toThrow(/samples_ts/);
  });

  it('is written so that it reads back', async () => {
    const made = result([gpuRow(), row()]);
    const tests = toLlamaBench(made);
    expect(tests).toHaveLength(4);
    expect(tests[1]).toMatchObject({
      n_prompt: 0,
      n_gen: 128,
      n_depth: 0,
      samples_ts: [20, 21, 22],
      avg_ts: 21,
      stddev_ts: 1,
    });
    const read = await open(tests);
    expect(measuredRows(read).map(({ tests }) => tests)).toEqual(measuredRows(made).map(({ tests }) => tests));
    // They are not llama.cpp's.
    expect(read.source).toEqual({ tool: 'Phi in a tab', version: 'as llama-bench' });
    expect(read.machine.browser).toBe(made.machine.browser);
    const named = (result: CompareResult) =>
      measuredRows(result).map(({ label, form, notes }) => ({ label, form, notes }));
    expect(named(read)).toEqual(named(made));
  });
});

/** A cell as LocalMode Bench writes it; the figures are invented. */
const cell = (change: object) => ({
  cellId: 'wllama/m/chat-pp128-tg128',
  runtimeId: 'wllama',
  model: {
    benchModelId: 'm',
    runtimeId: 'wllama',
    providerModelId: 'org/m',
    displayName: 'Model M',
    quantization: 'Q4',
    sizeBytes: 5,
  },
  workloadId: 'chat-pp128-tg128',
  workloadKind: 'llm-generate',
  resolvedBackend: 'wasm',
  load: { cached: true, startT: 100, endT: 1100 },
  iterations: [0, 1].map((round) => ({
    startT: 1000 * round,
    chunks: [
      { t: 1000 * round + 200, c: 3 },
      { t: 1000 * round + 300, c: 4 },
      { t: 1000 * round + 400, c: 5 },
    ],
    endT: 1000 * round + 401,
    text: 'One two thre',
    providerUsage: { inputTokens: 128, outputTokens: 3, totalTokens: 131, durationMs: 400, fidelity: 'estimated' },
    gates: [],
  })),
  status: 'ok',
  ...change,
});
const run = (cells: object[]) => ({
  protocol: 'localmode-bench/5',
  schemaVersion: 3,
  runId: '12345678',
  createdAt: '2026-09-24T14:31:46.272Z',
  harness: { name: '@localmode/bench', version: '0.9.0' },
  suite: 'custom',
  environment: {
    browser: { name: 'Google Chrome', version: '145.0.7632.159' },
    os: { platform: 'macOS' },
    hardware: { cores: 10, deviceMemoryGB: 8 },
    gpuModel: 'Apple M4',
    userAgent: 'secret agent',
  },
  cells,
  events: [],
});

describe('LocalMode Bench', () => {
  it('is a row for each runtime and model, with the reason where one did not run', async () => {
    const failed = cell({
      runtimeId: 'webllm',
      iterations: [],
      status: 'error',
      error: { name: 'E', message: 'No adapter' },
    });
    const embedding = cell({
      workloadKind: 'embed-single',
      iterations: [{ startT: 0, endT: 5, count: 1, dimensions: 3, gates: [] }],
    });
    const read = await open(run([cell({}), failed, embedding]));
    expect(read).toMatchObject({
      source: { tool: 'LocalMode Bench', version: 'localmode-bench/5, 0.9.0' },
      model: { name: 'Model M', bytes: 5 },
      machine: { browser: 'Google Chrome 145', system: 'macOS', adapter: 'Apple M4', cores: 10 },
    });
    expect(read.rows).toHaveLength(2);
    expect(read.rows[0]).toMatchObject({
      label: 'wllama',
      backend: 'native',
      kind: 'cpu',
      ttftMs: { median: 200, rounds: 2 },
      decodeTokensPerSecond: { median: 10, rounds: 2 },
      loadMs: { median: 1000 },
      reply: [
        [200, 'One'],
        [300, ' two'],
        [400, ' thre'],
      ],
    });
    expect(read.rows[1]).toMatchObject({ label: 'webllm', absent: 'No adapter' });
    expect(JSON.stringify(read)).not.toContain('secret');
  });

  it('counts no iteration that a gate has marked', async () => {
    const [first, second] = cell({}).iterations;
    const read = await open(run([cell({ iterations: [{ ...first, gates: ['hidden-during-run'] }, second] })]));
    expect(read.rows[0]).toMatchObject({ ttftMs: { rounds: 1 } });
  });

  it('is refused by name where it is damaged', async () => {
    await expect(open(run([cell({ iterations: [{ startT: 'now' }] })]))).rejects.toThrow(
      /LocalMode Bench file is damaged at "cells\.0/,
    );
    await expect(open(JSON.stringify(run([cell({})])).slice(0, -5))).rejects.toThrow(/not JSON/);
  });

  it('is written with traces and a digest, so that it reads back', async () => {
    const made = result([gpuRow(), { ...row(), label: 'WebNN NPU', absent: 'No NPU' }]);
    const written = (await toLocalMode(made, 'run-12345')) as ReturnType<typeof run> & { digest: string };
    expect(written.cells[0]).toMatchObject({ workloadId: 'pp32-tg32', status: 'ok' });
    const { digest, ...rest } = written;
    const sort = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(sort)
        : value && typeof value === 'object'
          ? Object.fromEntries(
              Object.entries(value)
                .sort(([a], [b]) => (a < b ? -1 : 1))
                .map(([key, inner]) => [key, sort(inner)]),
            )
          : value;
    expect(digest).toBe(
      createHash('sha256')
        .update(JSON.stringify(sort(rest)))
        .digest('hex'),
    );
    const read = await open(written);
    expect(read.rows[0]).toMatchObject({
      label: 'phi-in-a-tab-webgpu',
      lengths: [{ promptTokens: 32, ttftMs: { median: 210 } }],
    });
    expect(read.rows[1]).toMatchObject({ absent: 'No NPU' });
  });
});

it('anything else is read as a result of this page', async () => {
  expect(await open(result())).toEqual(result());
  await expect(open('x'.repeat(17_000_000))).rejects.toThrow(
    /^file\.json is 17 MB\. The limit for a result is 16 MB\./,
  );
  await expect(open('{"a":1}')).rejects.toThrow(/not a result of this page/);
});
