/**
 * Every model below a folder against the reference beside it (`expected.json` in its folder, or `NAME.expected.json` beside a GGUF), in one browser:
 *
 *   npm run evaluate:all -- FOLDER [--backend wasm] [--form auto] [--device npu] [--prompts 5,100]
 *
 * For the models that scripts/make-variants.ts and scripts/reference-models write. Exit status 1 when one is past 0.05 or gives other tokens.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { checkCase } from './evaluate/check.ts';
import { startEngineHost, type EngineHost } from './evaluate/engine.ts';
import { parseExpected } from './evaluate/expected.ts';
import { selectModel } from './evaluate/model-files.ts';
import { parseOptions, type Options } from './evaluate/options.ts';

const REFERENCE = /(^|[./])expected\.json$/;

/** One line: what ran, the largest difference of a logit, equal greedy tokens of each prompt; then what is wrong. */
async function judge(host: EngineHost, reference: string, prompts: number[] | null, options: Options): Promise<{ line: string; problems: string[] }> {
  const model = reference.endsWith('/expected.json') ? dirname(reference) : reference.replace(/\.expected\.json$/, '.gguf');
  const { backend, form, device, contextLength, tolerance } = options;
  const engine = await host.open(await selectModel(model), { backend, form, device, contextLength });
  const problems: string[] = [];
  const equal: string[] = [];
  let largest = 0;
  for (const [index, one] of parseExpected(await readFile(reference, 'utf8')).cases.entries()) {
    if (prompts && !prompts.includes(one.input_ids.length)) continue;
    // Every position's best token is a matter of rounding where two are close; the logits and the tokens themselves are held to the tolerance.
    const report = await checkCase(engine, { ...one, argmax_all: undefined }, index, tolerance);
    largest = Math.max(largest, report.logits?.largest ?? Infinity);
    equal.push(`${report.greedy!.equal}`);
    problems.push(...report.problems.map((problem) => `${one.input_ids.length} tokens: ${problem}`));
  }
  return { line: `${engine.report.form} on ${engine.report.device}, ${largest.toFixed(4)}, ${equal.join(' ')}`, problems };
}

const [folder, ...rest] = process.argv.slice(2);
if (folder === undefined || folder.startsWith('--')) throw new Error('usage: npm run evaluate:all -- FOLDER [options of npm run evaluate] [--prompts 5,100]');
const at = rest.indexOf('--prompts');
const prompts = at < 0 ? null : rest.splice(at, 2)[1]!.split(',').map(Number);
const options = parseOptions(['--model', folder, '--cases', folder, ...rest])!;
const references = (await readdir(folder, { recursive: true }))
  .filter((path) => REFERENCE.test(path))
  .sort()
  .map((path) => join(folder, path));
if (references.length === 0) throw new Error(`${folder} holds no expected.json.`);
const host = await startEngineHost({
  gpu: options.backend !== 'wasm',
  realGpu: options.browser !== undefined,
  executable: options.browser,
  args: options.browserArgs,
});
let wrong = 0;
try {
  for (const reference of references) {
    const name = relative(folder, reference).replace(/[./]expected\.json$/, '');
    try {
      const { line, problems } = await judge(host, reference, prompts, options);
      if (problems.length > 0) wrong++;
      console.log(`${problems.length > 0 ? 'WRONG' : 'ok   '} ${name}: ${line}`, ...problems.map((problem) => `\n      ${problem}`));
    } catch (cause) {
      wrong++;
      console.log(`FAILS ${name}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }
} finally {
  await host.close();
}
console.log(`${references.length - wrong} of ${references.length} agree.`);
process.exitCode = wrong > 0 ? 1 : 0;
