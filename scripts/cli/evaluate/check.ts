/** Asks the engine for what a reference holds and judges it. */
import type { EngineReport } from '../../../workers/shared/protocol.ts';
import {
  compareArgmax,
  compareGreedy,
  compareLogits,
  compareNll,
  shareAtGap,
  type AgreementVerdict,
  type GapShare,
  type GreedyVerdict,
  type LogitsVerdict,
  type NllVerdict,
} from './compare.ts';
import type { Engine } from './engine.ts';
import type { FormsReport, ToolsReport } from './forms.ts';
import { CHECKED_FIELDS, type ExpectedCase, type TeacherForced } from './expected.ts';

/** Tokens generated for the speed where the reference has no greedy ids. */
const SPEED_TOKENS = 16;

export interface CaseReport {
  name: string;
  promptTokens: number;
  /** Logits of the last position. */
  logits: LogitsVerdict | null;
  /** At every prompt position; from the last logits alone when the reference has no more. */
  argmax: AgreementVerdict | null;
  greedy: GreedyVerdict | null;
  /** The reference's own reply fed token by token (needs `logprob_gap`). */
  reply: (AgreementVerdict & { atGap07: GapShare; atGap03: GapShare }) | null;
  /** Fields of a reference that this file lacks. */
  notChecked: string[];
  prefillTokensPerSecond: number;
  /** First token excluded; null when only one was generated. */
  decodeTokensPerSecond: number | null;
  problems: string[];
}

const perSecond = (tokens: number, ms: number): number => (tokens * 1000) / ms;

/** The greedy reply of the reference, fed token by token: every step has the reference's own prefix. */
async function checkReply(engine: Engine, expected: ExpectedCase, tolerance: number): Promise<CaseReport['reply']> {
  const { input_ids: prompt, greedy, logprob_gap: gaps } = expected;
  if (!greedy || !gaps) return null;
  const { argmax } = await engine.call('argmaxAll', [...prompt, ...greedy.slice(0, -1)]);
  const ours = argmax.slice(prompt.length - 1);
  const verdict = compareArgmax('reply', ours, greedy, gaps, tolerance);
  return { ...verdict, atGap07: shareAtGap(ours, greedy, gaps, 0.7), atGap03: shareAtGap(ours, greedy, gaps, 0.3) };
}

/** One case: whatever the reference has is compared, whatever it lacks is listed. */
export async function checkCase(
  engine: Engine,
  expected: ExpectedCase,
  index: number,
  tolerance: number,
): Promise<CaseReport> {
  const ids = expected.input_ids;
  const logits = expected.last_logits
    ? compareLogits(await engine.call('lastLogits', ids), expected.last_logits, tolerance)
    : null;
  let argmax: AgreementVerdict | null = null;
  if (expected.argmax_all) {
    const ours = await engine.call('argmaxAll', ids);
    argmax = compareArgmax('argmax', ours.argmax, expected.argmax_all, ours.gaps, tolerance);
  } else if (logits) {
    argmax = compareArgmax('argmax', [logits.ours], [logits.reference], null, tolerance);
  }
  const count = expected.greedy?.length ?? SPEED_TOKENS;
  const run = await engine.call('greedy', ids, count);
  const greedy = expected.greedy ? compareGreedy(run.ids, run.gaps, expected.greedy, tolerance) : null;
  const reply = await checkReply(engine, expected, tolerance);
  return {
    name: expected.name ?? `case ${index + 1}`,
    promptTokens: ids.length,
    logits,
    argmax,
    greedy,
    reply,
    notChecked: CHECKED_FIELDS.filter((field) => expected[field] === undefined),
    prefillTokensPerSecond: perSecond(ids.length, run.prefillMs),
    decodeTokensPerSecond: run.ids.length > 1 ? perSecond(run.ids.length - 1, run.decodeMs) : null,
    problems: [logits, argmax, greedy, reply].flatMap((verdict) => verdict?.problem ?? []),
  };
}

export interface TextReport extends NllVerdict {
  /** Against the reference's best tokens, where it has them. */
  argmax: AgreementVerdict | null;
  tokensPerSecond: number;
  /** Pieces of at most the context's length, each starting afresh. */
  windows: number;
}

async function scoreWindows(
  engine: Engine,
  ids: readonly number[],
  contextLength: number,
): Promise<{ nll: number[]; argmax: number[]; windows: number; ms: number }> {
  const start = performance.now();
  const nll: number[] = [];
  const argmax: number[] = [];
  let windows = 0;
  for (let from = 0; from + 1 < ids.length; from += contextLength) {
    const scored = await engine.call('nll', ids.slice(from, from + contextLength));
    nll.push(...scored.nll);
    argmax.push(...scored.argmax);
    windows++;
  }
  return { nll, argmax, windows, ms: performance.now() - start };
}

/** Teacher-forced text of a reference file. */
export async function checkTeacherForced(
  engine: Engine,
  expected: TeacherForced,
  tolerance: number,
): Promise<TextReport> {
  const { nll, argmax, windows, ms } = await scoreWindows(engine, expected.input_ids, engine.report.contextLength);
  const reference = expected.mean_nll ?? (expected.nll ? compareNll(expected.nll, null, tolerance).meanNll : null);
  const agreement =
    expected.argmax && windows === 1
      ? compareArgmax('teacher-forced argmax', argmax, expected.argmax, null, tolerance)
      : null;
  return {
    ...compareNll(nll, reference, tolerance),
    argmax: agreement,
    tokensPerSecond: perSecond(expected.input_ids.length, ms),
    windows,
  };
}

/** Teacher-forced NLL of a person's own text. */
export async function scoreText(engine: Engine, text: string): Promise<TextReport> {
  const ids = await engine.call('tokenize', text);
  if (ids.length < 2) throw new Error('The text has fewer than two tokens, so there is nothing to score.');
  const { nll, windows, ms } = await scoreWindows(engine, ids, engine.report.contextLength);
  return { ...compareNll(nll, null, 0), argmax: null, tokensPerSecond: perSecond(ids.length, ms), windows };
}

/** Everything that the command found out; the shape of its JSON. */
export interface EvaluateReport {
  model: string;
  passed: boolean;
  tolerance: number;
  engine: EngineReport | null;
  cases: CaseReport[];
  teacherForced: TextReport | null;
  text: (TextReport & { file: string }) | null;
  schema: FormsReport | null;
  tools: ToolsReport | null;
  /** Why it could not run, or not to the end. */
  error: string | null;
}
