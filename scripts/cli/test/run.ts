/**
 * `npm test`: everything that CI runs, cheapest first. Steps of one stage all run; a broken stage ends the run, and what follows
 * counts as skipped (`--keep-going` runs it all the same). The last line is always `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../build/app.ts';
import { countVitest, type Counts } from './counts.ts';

interface Step {
  stage: 'static' | 'unit' | 'build' | 'browser';
  name: string;
  command: string[];
  /** Vitest steps write one count per test here; any other step is one test. */
  report?: string;
}

const scratch = await mkdtemp(join(tmpdir(), 'phi-test-'));
const vitest = (name: string): Pick<Step, 'command' | 'report'> => {
  const report = join(scratch, `${name}.json`);
  return {
    report,
    command: [
      'vitest',
      'run',
      '--project',
      name,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
  };
};

const STEPS: Step[] = [
  { stage: 'static', name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { stage: 'static', name: 'lint', command: ['eslint', '--max-warnings', '0', '.'] },
  {
    stage: 'static',
    name: 'types of the page',
    command: ['svelte-check', '--tsconfig', './src/tsconfig.json', '--fail-on-warnings', '--output', 'human'],
  },
  { stage: 'static', name: 'types of the workers', command: ['tsc', '-p', 'workers'] },
  { stage: 'static', name: 'types of tools and tests', command: ['tsc', '-p', 'tsconfig.node.json'] },
  { stage: 'unit', name: 'unit tests', ...vitest('unit') },
  { stage: 'build', name: 'build', command: ['tsx', 'scripts/cli/build.ts'] },
  { stage: 'build', name: 'size budget', command: ['tsx', 'scripts/build/size-budget.ts'] },
  { stage: 'browser', name: 'browser tests', ...vitest('browser') },
];

/** Runs a tool of node_modules/.bin without stdin; resolves with its exit status. */
function run(command: string[]): Promise<number> {
  const path = [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(process.platform === 'win32' ? ';' : ':');
  const child = spawn(command[0]!, command.slice(1), {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
    env: { ...process.env, PATH: path, CI: process.env.CI ?? 'true' },
  });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

async function runStep(step: Step): Promise<Counts> {
  const status = await run(step.command);
  if (step.report === undefined)
    return status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
  return countVitest(await readFile(step.report, 'utf8').catch(() => null), status);
}

const keepGoing = process.argv.includes('--keep-going');
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
let brokenStage: Step['stage'] | null = null;
for (const step of STEPS) {
  if (brokenStage !== null && brokenStage !== step.stage && !keepGoing) {
    console.log(`\n--- ${step.name}: not run, because of what failed above`);
    total.skipped++;
    continue;
  }
  console.log(`\n--- ${step.name}`);
  const start = performance.now();
  const counts = await runStep(step);
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  if (counts.failed > 0) brokenStage ??= step.stage;
  console.log(
    `--- ${step.name}: ${counts.failed > 0 ? 'FAILED' : 'passed'} in ${((performance.now() - start) / 1000).toFixed(1)} s`,
  );
}
await rm(scratch, { recursive: true, force: true });
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 ? 1 : 0;
