/**
 * `npm test`: everything that CI runs, cheapest first. Steps of one stage all run; a broken stage ends the run, and what follows
 * counts as skipped (`--keep-going` runs it all the same). The last line is always `N passed, N failed, N skipped`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../build/app.ts';
import type { Counts } from './counts.ts';
import { runTool } from './run-tool.ts';
import { summary, type StepTime, type TestRecord } from './summary.ts';
import { runVitest } from './vitest-run.ts';

interface Step {
  name: string;
  /** A tool, which counts as one test, or projects of vitest.config.ts. */
  run: { tool: readonly string[] } | { projects: readonly string[] };
}

interface Stage {
  steps: Step[];
  /** Tools that each take one core. */
  sideBySide?: boolean;
}

/** TypeScript 7. `tsc` alone may be version 6, which ESLint and svelte-check still need. */
const NATIVE_TSC = ['node', 'node_modules/@typescript/native/bin/tsc'];

const STAGES: Stage[] = [
  {
    sideBySide: true,
    steps: [
      // The longest first, so that both cores end at about the same time.
      { name: 'lint', run: { tool: ['eslint', '--max-warnings', '0', '.'] } },
      { name: 'format', run: { tool: ['prettier', '--check', '--log-level', 'warn', '.'] } },
      {
        name: 'types of the page',
        run: { tool: ['svelte-check', '--tsconfig', './src/tsconfig.json', '--fail-on-warnings', '--output', 'human'] },
      },
      { name: 'lint with types', run: { tool: ['oxlint'] } },
      { name: 'types of tools and tests', run: { tool: [...NATIVE_TSC, '-p', 'tsconfig.node.json'] } },
      { name: 'unused code', run: { tool: ['knip'] } },
      { name: 'types of the workers', run: { tool: [...NATIVE_TSC, '-p', 'workers'] } },
    ],
  },
  { steps: [{ name: 'unit tests', run: { projects: ['unit'] } }] },
  {
    steps: [
      { name: 'build', run: { tool: ['tsx', 'scripts/cli/build.ts'] } },
      { name: 'size budget', run: { tool: ['tsx', 'scripts/build/size-budget.ts'] } },
    ],
  },
  { steps: [{ name: 'browser tests', run: { projects: ['ui', 'browser'] } }] },
];
const CORES = 2;

const keepGoing = process.argv.includes('--keep-going');
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const times: StepTime[] = [];
const records: TestRecord[] = [];

async function runStep({ name, run }: Step, quiet: boolean): Promise<void> {
  if (!quiet) console.log(`\n--- ${name}`);
  const start = performance.now();
  let counts: Counts;
  if ('projects' in run) {
    const result = await runVitest(run.projects);
    records.push(...result.records);
    counts = result.counts;
  } else {
    const say = quiet ? (output: string) => console.log(`\n--- ${name}\n${output.trimEnd()}`) : undefined;
    const failed = (await runTool(run.tool, {}, say)) === 0 ? 0 : 1;
    counts = { passed: 1 - failed, failed, skipped: 0 };
  }
  for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key];
  const ms = performance.now() - start;
  times.push({ name, ms });
  console.log(`--- ${name}: ${counts.failed > 0 ? 'FAILED' : 'passed'} in ${(ms / 1000).toFixed(1)} s`);
}

/** The steps of a stage, as many at a time as it allows. */
async function runStage({ steps, sideBySide = false }: Stage): Promise<void> {
  const waiting = [...steps];
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) await runStep(step, sideBySide);
  };
  await Promise.all(Array.from({ length: sideBySide ? CORES : 1 }, work));
}

const began = performance.now();
for (const stage of STAGES) {
  if (total.failed === 0 || keepGoing) {
    await runStage(stage);
    continue;
  }
  for (const { name } of stage.steps) {
    console.log(`\n--- ${name}: not run, because an earlier step failed`);
    total.skipped++;
  }
}
times.push({ name: 'in all', ms: performance.now() - began });
for (const line of summary(times, records)) console.log(line);
if (!existsSync(join(ROOT, '../shared/fixtures')))
  console.log(
    '\n../shared/fixtures is absent, so its further models of the same formats, kinds and quantisations were not tested.',
  );
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
