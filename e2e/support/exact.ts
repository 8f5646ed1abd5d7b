/** A model in a form that holds its file exactly, against the file's own reference. */
import { expect } from 'vitest';
import { compareLogits } from '../../scripts/cli/evaluate/compare.ts';
import type { Engine } from '../../scripts/cli/evaluate/engine.ts';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import { readExpected, type Model } from './fixtures.ts';
import { ALL } from './long.ts';
import { SAMPLING } from './sampling.ts';

const TOLERANCE = 0.05;

export interface ExactCase {
  model: Model;
  form: WeightFormat;
  /** Lengths of the prompts that `npm test` checks. */
  prompts: number[];
}

/** `[model, form, prompts of npm test]`, with a name for each. */
export const exactCases = (cases: [Model, WeightFormat, number[]][]): (ExactCase & { name: string })[] =>
  cases.map(([model, form, prompts]) => ({ model, form, prompts, name: `${model.path} as ${form}` }));

/** The logits of every prompt (`all`; else of the case's own), and the tokens that follow it, token for token. */
export async function expectExact(engine: Engine, { model, prompts }: ExactCase, all = ALL): Promise<void> {
  const cases = readExpected(model.expected).cases.filter(({ input_ids }) => all || prompts.includes(input_ids.length));
  expect(cases.length).toBeGreaterThan(0);
  for (const { input_ids: ids, last_logits: logits, greedy } of cases) {
    const verdict = compareLogits(await engine.call('lastLogits', ids), logits!, TOLERANCE);
    expect(verdict.problem, `${ids.length} tokens`).toBeNull();
    expect(await engine.call('sample', ids, greedy!.length, SAMPLING.greedy), `after ${ids.length} tokens`).toEqual(
      greedy,
    );
  }
}
