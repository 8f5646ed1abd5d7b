/** `npm run test:faults [seed]`: the crash test of `npm test` with thirty kills. */
import { spawnSync } from 'node:child_process';
import { ROOT } from './build.ts';

const [seed = '1'] = process.argv.slice(2);
const vitest = ['vitest', 'run', '--config', 'vitest.e2e.config.ts', 'e2e/faults/crash.test.ts'];
const { status } = spawnSync('npx', vitest, {
  cwd: ROOT,
  stdio: 'inherit',
  shell: process.platform === 'win32',
  env: { ...process.env, PHI_KILLS: '30', PHI_SEED: seed },
});
process.exitCode = status ?? 1;
