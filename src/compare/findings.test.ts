import { expect, it } from 'vitest';
import { Findings } from './findings.ts';
import { entries, SETTINGS } from './plan.ts';
import type { Prepared } from './prepare.ts';
import { stepsOf, type CompareRequest } from './steps.ts';
import { result, row } from './testing/results.ts';

const request: CompareRequest = {
  model: { id: 'm', name: 'M', bytes: 98e6 },
  setting: 'quick',
  measures: SETTINGS.quick,
  entries: entries(['wasm-threads', 'wasm-single'], { everyForm: false }),
  servers: [],
  shuffled: true,
  standIn: false,
  builtIn: false,
};
const facts = {
  ...result().model,
  name: 'M',
  fingerprint: 'ab'.repeat(32),
  context: 8192,
  shape: { layers: 1, hidden: 1, heads: 1, kvHeads: 1, headDim: 1, intermediate: 1 },
  vocab: 10,
  webgpuForms: [],
  prompts: [[{ tokens: 32, content: '' }], [{ tokens: 512, content: '' }]],
  textIds: [1, 2],
};
const prepared: Prepared = {
  model: request.model,
  facts,
  taskPrompts: [],
  measures: SETTINGS.quick,
  recorded: null,
  contextLength: 544,
};
const findings = (threads: number[], single: number[]) =>
  new Findings(request, prepared, stepsOf(request), result().machine, [
    { index: 1, row: row({ label: 'WASM single', threads: 1 }, single), scores: null },
    { index: 0, row: row({}, threads), scores: null },
  ]);

it('keeps the order of the request, whatever order rows ran in', () => {
  const rows = findings([20, 21, 22], [10, 11, 12]).result(false).rows;
  expect(rows.map(({ label }) => label)).toEqual(['WASM threads', 'WASM single']);
});

it('finds one thread that beats several, but not within the spread', () => {
  expect(findings([20, 21, 22], [10, 11, 12]).contradictions()).toEqual([]);
  expect(findings([20, 21, 22], [20, 22, 24]).contradictions()).toEqual([]);
  const [found] = findings([10, 11, 12], [20, 21, 22]).contradictions();
  expect(found).toMatchObject({ threads: 0, single: 1 });
  expect(found!.why).toBe('Measured again: at first one thread wrote 21.0 tokens a second, and 8 threads 11.0.');
});

it('takes no scores of another reference than the app has now', () => {
  const scores = (text: number, ...sequences: number[]) => {
    const steps = (length: number) => ({
      argmax: new Int32Array(length),
      logprobs: new Float32Array(length),
      gaps: new Float32Array(length),
    });
    return { text: steps(text), sequences: sequences.map(steps) };
  };
  const sequence = { ids: [1, 2, 3], from: 0, argmax: [2, 3, 4], gaps: [1, 1, 1] };
  const recorded = { kind: 'recorded' as const, name: 'llama.cpp', sequences: [sequence] };
  const kept = (now: Prepared, ...of: ReturnType<typeof scores>[]) =>
    new Findings(
      request,
      now,
      stepsOf(request),
      result().machine,
      of.map((one, index) => ({ index, row: row(), scores: one })),
    );
  const now = kept({ ...prepared, recorded }, scores(2, 3), scores(2));
  expect(now.indices).toEqual([0]);
  expect(now.result(false).rows).toHaveLength(1);
  expect(kept(prepared, scores(2), scores(5)).indices).toEqual([0]);
  // Without a recorded reference any row may become it, which takes gaps.
  expect(kept(prepared, { ...scores(2), text: { ...scores(2).text, gaps: new Float32Array() } }).indices).toEqual([]);
});
