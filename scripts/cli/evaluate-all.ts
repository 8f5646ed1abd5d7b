/** `npm run evaluate:all`: every model below some folders against the reference beside it. For what scripts/make/variants.ts and scripts/make/reference-models write. */
import { writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { failedModel, findReferences, judgeModel, modelLine, modelOf, type ModelReport } from './evaluate/all.ts';
import { startEngineHost, type EngineHost } from './evaluate/engine.ts';
import { OPTIONS_USAGE, parseAllOptions, type AllOptions } from './evaluate/options.ts';

const USAGE = `npm run evaluate:all -- FOLDER... [options]
Checks every model below the folders against the expected.json beside it (or NAME.expected.json beside NAME.gguf), one after another in one browser.
Weight formats that hold the file exactly must keep the tolerance and match every greedy token. Approximate formats must match best tokens with a clear lead; their error is printed.
  --prompts 5,100   only prompts with these numbers of tokens
  --seconds N       time limit for one model; default: 300
${OPTIONS_USAGE}
Exit status: 0 all models agree, 1 a model is wrong or could not run, 2 no model could be tried.`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Rejects after `seconds`. */
async function within<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not finish within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function judgeAll(
  references: readonly string[],
  { prompts, seconds, ...options }: AllOptions,
): Promise<ModelReport[]> {
  const browser = {
    gpu: options.backend !== 'wasm',
    realGpu: options.browser !== undefined,
    executable: options.browser,
    args: options.browserArgs,
  };
  const reports: ModelReport[] = [];
  // The browser ends with the process that asks for it, and must not be started again then.
  let stopped = false;
  process.once('SIGTERM', () => (stopped = true));
  let host: EngineHost | null = null;
  try {
    for (const reference of references) {
      const started = performance.now();
      let report: ModelReport;
      try {
        host ??= await startEngineHost(browser);
        report = await within(seconds, judgeModel(host, reference, prompts, options));
      } catch (error) {
        report = failedModel(reference, messageOf(error), (performance.now() - started) / 1000);
        // A failure may have crashed the browser, so the next model gets a new one.
        await host?.close();
        host = null;
      }
      reports.push(report);
      console.log(modelLine(relative('.', modelOf(reference)), report));
      if (stopped) throw new Error(`Stopped after ${reports.length} of ${references.length} models.`);
    }
  } finally {
    await host?.close();
  }
  return reports;
}

async function main(): Promise<number> {
  let options: AllOptions | null;
  let references: string[];
  try {
    options = parseAllOptions(process.argv.slice(2));
    if (!options) {
      console.log(USAGE);
      return 0;
    }
    references = await findReferences(options.folders);
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return 2;
  }
  const models = await judgeAll(references, options);
  const count = (verdict: ModelReport['verdict']) => models.filter((one) => one.verdict === verdict).length;
  console.log(`${count('ok')} of ${models.length} agree, ${count('wrong')} wrong, ${count('failed')} could not run.`);
  if (options.json !== undefined)
    await writeFile(
      options.json,
      `${JSON.stringify({ backend: options.backend, tolerance: options.tolerance, models }, null, 2)}\n`,
    );
  return count('ok') === models.length ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
