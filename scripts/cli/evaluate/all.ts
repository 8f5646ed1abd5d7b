/** One model of many against the reference beside it, by the bar of the form that it ran in; see scripts/cli/evaluate-all.ts. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EngineReport } from '../../../workers/shared/protocol.ts';
import { checkCase, type CaseReport } from './check.ts';
import type { EngineHost } from './engine.ts';
import { parseExpected, type ExpectedCase } from './expected.ts';
import { selectModel } from './model-files.ts';
import type { RunOptions } from './options.ts';

/** A best token that leads by more than this survives weights and activations in 8 bits. */
export const CLEAR_GAP = 1.5;

/** `NAME.expected.json` beside NAME.gguf, or `expected.json` in a model's folder. */
const REFERENCE = /(^|[./])expected\.json$/;

export interface ModelReport {
  /** Path of the reference. */
  reference: string;
  verdict: 'ok' | 'wrong' | 'failed';
  engine: EngineReport | null;
  /** false: the form is an approximation of the file; logits are reported, and only best tokens that are clearly ahead are held to the reference's. */
  exact: boolean;
  /** Largest difference of a last logit over all prompts; null where one could not be compared. */
  largest: number | null;
  cases: CaseReport[];
  problems: string[];
  seconds: number;
}

/** Every reference below `paths`, each a folder or a reference itself. Throws one line that names a path which holds none. */
export async function findReferences(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const stats = await stat(path).catch(() => null);
    if (!stats) throw new Error(`There is no file or folder ${path}.`);
    const below = stats.isDirectory()
      ? (await readdir(path, { recursive: true })).map((name) => join(path, name))
      : [path];
    const references = below.filter((one) => REFERENCE.test(one)).sort();
    if (references.length === 0)
      throw new Error(
        `${path} contains no reference. Put an expected.json into a model's folder, or NAME.expected.json beside NAME.gguf.`,
      );
    found.push(...references);
  }
  return [...new Set(found)];
}

/** The model that a reference is of. */
export const modelOf = (reference: string): string =>
  /(^|\/)expected\.json$/.test(reference) ? dirname(reference) : reference.replace(/\.expected\.json$/, '.gguf');

/** How far its best token leads in the reference. */
function lead(logits: readonly number[], best: number): number {
  return logits[best]! - logits.reduce((most, value, id) => (id === best ? most : Math.max(most, value)), -Infinity);
}

/** Requirements for an approximate weight format: finite logits, and the same best token where it has a clear lead. */
export function approximateProblems({ logits }: CaseReport, expected: ExpectedCase): string[] {
  if (!logits || logits.largest === null) return logits?.problem ? [logits.problem] : [];
  const gap = lead(expected.last_logits!, logits.reference);
  if (logits.ours === logits.reference || gap <= CLEAR_GAP) return [];
  return [
    `the best token is ${logits.ours} in place of ${logits.reference}, which leads by ${gap.toPrecision(3)} in the reference`,
  ];
}

/** Loads the model and compares it, prompt by prompt (`lengths`: only prompts with these numbers of tokens). */
export async function judgeModel(
  host: EngineHost,
  reference: string,
  lengths: readonly number[] | null,
  options: RunOptions,
): Promise<ModelReport> {
  const started = performance.now();
  const { backend, form, device, contextLength, threads, stages, calibrate, tolerance } = options;
  const cases = parseExpected(await readFile(reference, 'utf8')).cases.filter(
    ({ input_ids }) => lengths === null || lengths.includes(input_ids.length),
  );
  if (cases.length === 0)
    throw new Error(
      lengths === null ? 'the reference has no cases' : `the reference has no prompt of ${lengths.join(' or ')} tokens`,
    );
  const engine = await host.open(await selectModel(modelOf(reference)), {
    backend,
    form,
    device,
    contextLength,
    threads,
    stages,
    calibrate,
  });
  const exact = !engine.report.weightError && engine.report.form !== 'int8';
  const report: ModelReport = {
    reference,
    verdict: 'ok',
    engine: engine.report,
    exact,
    largest: 0,
    cases: [],
    problems: [],
    seconds: 0,
  };
  for (const [index, one] of cases.entries()) {
    // The best token at every position is a matter of rounding where two are close; logits and greedy tokens are held to the reference's.
    const result = await checkCase(engine, { ...one, argmax_all: undefined }, index, tolerance);
    report.cases.push(result);
    const { logits } = result;
    if (logits)
      report.largest =
        logits.largest === null || report.largest === null ? null : Math.max(report.largest, logits.largest);
    const problems = exact ? result.problems : approximateProblems(result, one);
    report.problems.push(...problems.map((problem) => `${result.promptTokens} tokens: ${problem}`));
  }
  if (report.problems.length > 0) report.verdict = 'wrong';
  report.seconds = (performance.now() - started) / 1000;
  return report;
}

/** Models that could not be loaded or run, with the reason. */
export const failedModel = (reference: string, why: string, seconds: number): ModelReport => ({
  reference,
  verdict: 'failed',
  engine: null,
  exact: true,
  largest: null,
  cases: [],
  problems: [why],
  seconds,
});

const WORDS = { ok: 'ok    ', wrong: 'WRONG ', failed: 'FAILED' };

/** What ran, its error, the equal greedy tokens of each prompt, then the problems. */
export function modelLine(
  name: string,
  { verdict, engine, exact, largest, cases, problems, seconds }: ModelReport,
): string {
  const off = engine?.weightError
    ? ` (weights requantised, relative error ${engine.weightError.toPrecision(2)})`
    : exact
      ? ''
      : ' (approximate)';
  const ran = engine
    ? [`${engine.form}${off} on ${engine.device}`, `largest difference ${largest?.toFixed(4) ?? 'not comparable'}`]
    : [];
  const greedy = cases.flatMap((one) => (one.greedy ? [`${one.greedy.equal}/${one.greedy.of}`] : []));
  if (greedy.length > 0) ran.push(`greedy ${greedy.join(' ')}`);
  return [
    `${WORDS[verdict]} ${name}: ${[...ran, `${seconds.toFixed(1)} s`].join(', ')}`,
    ...problems.map((problem) => `       ${problem}`),
  ].join('\n');
}
