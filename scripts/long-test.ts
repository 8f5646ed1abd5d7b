/** `tsx scripts/long-test.ts FILE NAME=VALUE...`: a browser test of `npm test` at the length that its environment variables ask for. */
import { spawnSync } from 'node:child_process';
import { ROOT } from './build.ts';

const [file = '', ...assignments] = process.argv.slice(2);
const long = Object.fromEntries(assignments.map((assignment) => assignment.split('=', 2) as [string, string]));
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'vitest.e2e.config.ts', file], {
  cwd: ROOT,
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, ...long },
});
process.exitCode = status ?? 1;
