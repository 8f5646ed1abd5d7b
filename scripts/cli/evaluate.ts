/** `npm run evaluate`: see scripts/cli/evaluate/options.ts for its usage. */
import { readFile, writeFile } from 'node:fs/promises';
import { checkCase, checkTeacherForced, scoreText, type EvaluateReport } from './evaluate/check.ts';
import { startEngineHost } from './evaluate/engine.ts';
import { parseFormFile, parseToolFile } from './evaluate/form-files.ts';
import { checkForms, checkTools } from './evaluate/forms.ts';
import { hasChecks, parseExpected, type Expected } from './evaluate/expected.ts';
import { selectModel } from './evaluate/model-files.ts';
import { parseOptions, USAGE, type Options } from './evaluate/options.ts';
import { caseLine, engineLine, formLines, problems, textLine } from './evaluate/print.ts';

const OK = 0;
const PAST_TOLERANCE = 1;
const COULD_NOT_RUN = 2;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What a file holds; null: none is named. */
async function readFrom<T>(path: string | undefined, parse: (text: string) => T): Promise<T | null> {
  if (path === undefined) return null;
  try {
    return parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path}: ${messageOf(error)}`, { cause: error });
  }
}

async function readExpected(path: string): Promise<Expected> {
  const expected = (await readFrom(path, parseExpected))!;
  if (!hasChecks(expected))
    throw new Error(
      `${path} contains nothing to check. It needs a case with last_logits, argmax_all or greedy, or a teacher_forced text.`,
    );
  return expected;
}

/** Fills `report` as it goes, so that what was found before a failure is kept. */
async function evaluate(options: Options, report: EvaluateReport): Promise<void> {
  const expected = options.cases === undefined ? null : await readExpected(options.cases);
  const text = options.text === undefined ? null : await readFile(options.text, 'utf8');
  const forms = await readFrom(options.schema, parseFormFile);
  const tools = await readFrom(options.tools, parseToolFile);
  const files = await selectModel(options.model);
  const { backend, form, device, contextLength, threads, stages, calibrate } = options;
  const browser = {
    gpu: backend !== 'wasm',
    realGpu: options.browser !== undefined,
    executable: options.browser,
    args: options.browserArgs,
  };
  const host = await startEngineHost(browser);
  try {
    const engine = await host.open(files, { backend, form, device, contextLength, threads, stages, calibrate });
    report.engine = engine.report;
    console.log(engineLine(engine.report));
    for (const [index, one] of (expected?.cases ?? []).entries()) {
      const result = await checkCase(engine, one, index, options.tolerance);
      report.cases.push(result);
      console.log(caseLine(result));
    }
    if (expected?.teacher_forced) {
      report.teacherForced = await checkTeacherForced(engine, expected.teacher_forced, options.tolerance);
      console.log(textLine('teacher-forced text', report.teacherForced));
    }
    if (text !== null && options.text !== undefined) {
      report.text = { file: options.text, ...(await scoreText(engine, text)) };
      console.log(textLine(options.text, report.text));
    }
    if (forms) {
      report.schema = await checkForms(engine, options.schema!, forms, options.tokens);
      for (const line of formLines(report.schema)) console.log(line);
    }
    if (tools) {
      report.tools = await checkTools(engine, options.tools!, tools, options.tokens);
      for (const line of formLines(report.tools)) console.log(line);
    }
  } finally {
    await host.close();
  }
}

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return COULD_NOT_RUN;
  }
  if (!options) {
    console.log(USAGE);
    return OK;
  }
  const report: EvaluateReport = {
    model: options.model,
    passed: false,
    tolerance: options.tolerance,
    engine: null,
    cases: [],
    teacherForced: null,
    text: null,
    schema: null,
    tools: null,
    error: null,
  };
  let status: number;
  try {
    await evaluate(options, report);
    const found = problems(report);
    report.passed = found.length === 0;
    for (const problem of found) console.error(`FAILED ${problem}`);
    console.log(report.passed ? `Within ${options.tolerance}.` : `Outside ${options.tolerance}.`);
    status = report.passed ? OK : PAST_TOLERANCE;
  } catch (error) {
    report.error = messageOf(error);
    console.error(report.error);
    status = COULD_NOT_RUN;
  }
  if (options.json === undefined) return status;
  try {
    await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  } catch (error) {
    console.error(`The report could not be written: ${messageOf(error)}`);
    return COULD_NOT_RUN;
  }
  return status;
}

process.exitCode = await main();
