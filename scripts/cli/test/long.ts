/** `tsx scripts/cli/test/long.ts FILE... NAME=VALUE...`: browser tests of `npm test` at the length that their environment variables ask for. */
import { spawnSync } from 'node:child_process';
import { ROOT } from '../../build/app.ts';

const args = process.argv.slice(2);
const files = args.filter((arg) => !arg.includes('='));
const long = Object.fromEntries(
  args.filter((arg) => arg.includes('=')).map((assignment) => assignment.split('=', 2) as [string, string]),
);
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'browser', ...files], {
  cwd: ROOT,
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, ...long },
});
process.exitCode = status ?? 1;
