import { describe, expect, it } from 'vitest';
import type { EngineReport } from '../../../workers/shared/protocol.ts';
import { checkCase, checkTeacherForced, type EvaluateReport } from './check.ts';
import type { Engine } from './engine.ts';
import { hasChecks, parseExpected } from './expected.ts';
import { problems } from './print.ts';

const argmaxIds = [7, 7, 3, 4, 5, 6];

/** Prompt [1, 2, 3] continues as 3, 4, 5, 6 with a gap of 1 everywhere. */
const engine = {
  report: { contextLength: 4 } as EngineReport,
  call: (method: string, ids: number[], count = 0) =>
    Promise.resolve(
      {
        lastLogits: [0, 0.5, 1, 9],
        argmaxAll: { argmax: argmaxIds.slice(0, ids.length), gaps: ids.map(() => 1) },
        greedy: { ids: [3, 4, 5, 6].slice(0, count), gaps: [1, 1, 1, 1], prefillMs: 100, decodeMs: 300 },
        nll: { nll: ids.slice(1).map(() => 2), argmax: ids.slice(1) },
      }[method],
    ),
} as unknown as Engine;

describe('checkCase', () => {
  it('compares all that is there, and says what is not', async () => {
    const report = await checkCase(
      engine,
      { input_ids: [1, 2, 3], last_logits: [0, 0.5, 1, 9.01], greedy: [3, 4, 5] },
      0,
      0.02,
    );
    expect(report).toMatchObject({
      name: 'case 1',
      promptTokens: 3,
      notChecked: ['argmax_all', 'logprob_gap'],
      problems: [],
    });
    expect(report).toMatchObject({
      argmax: { compared: 1, equal: 1 },
      greedy: { equal: 3 },
      reply: null,
      prefillTokensPerSecond: 30,
    });
    expect(report.decodeTokensPerSecond).toBeCloseTo(6.67, 1);
  });

  it('feeds the reference reply token by token', async () => {
    const report = await checkCase(
      engine,
      { input_ids: [1, 2, 3], greedy: [3, 4, 9], logprob_gap: [1, 0.5, 0.71] },
      0,
      0.2,
    );
    expect(report.reply).toMatchObject({
      compared: 3,
      equal: 2,
      atGap07: { steps: 2, equal: 1 },
      atGap03: { steps: 3, equal: 2 },
    });
    expect(report.problems).toHaveLength(2); // greedy and reply
  });

  it('fails what is past the tolerance', async () => {
    const report = await checkCase(
      engine,
      { input_ids: [1, 2, 3], last_logits: [0, 0.5, 1, 9.1], argmax_all: [7, 8, 3] },
      0,
      0.02,
    );
    expect(report.problems).toHaveLength(2);
    const whole: EvaluateReport = {
      model: 'm',
      passed: false,
      tolerance: 0.02,
      engine: null,
      cases: [report],
      teacherForced: null,
      text: null,
      schema: null,
      tools: null,
      error: null,
    };
    expect(problems(whole)).toHaveLength(2);
  });
});

describe('checkTeacherForced', () => {
  it('goes in windows of the context', async () => {
    const report = await checkTeacherForced(
      engine,
      { input_ids: [1, 2, 3, 4, 5, 6], mean_nll: 2.5, argmax: [1] },
      0.02,
    );
    expect(report).toMatchObject({ windows: 2, tokens: 4, meanNll: 2, difference: -0.5, argmax: null });
    expect(report.problem).toContain('-0.5');
  });
});

describe('parseExpected', () => {
  it('names what is wrong', () => {
    expect(() => parseExpected('{"cases":[{"input_ids":["a"]}]}')).toThrow('cases.0.input_ids.0');
    expect(() => parseExpected('[')).toThrow('JSON');
  });

  it('knows a file without anything to check', () => {
    expect(hasChecks(parseExpected('{"cases":[{"input_ids":[1]}]}'))).toBe(false);
    expect(hasChecks(parseExpected('{}'))).toBe(false);
    expect(hasChecks(parseExpected('{"cases":[{"input_ids":[1],"greedy":[1]}]}'))).toBe(true);
    expect(hasChecks(parseExpected('{"teacher_forced":{"input_ids":[1,2],"mean_nll":1}}'))).toBe(true);
  });
});
