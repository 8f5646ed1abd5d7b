/**
 * `npm run test:gpu [-- FILTER...]`: the engine on WebGPU outside of a browser, on this machine's GPU or on Mesa's lavapipe. Fetches what is missing into
 * .cache/gpu and says so. `-- --pack FOLDER` copies everything that tests and benches need there instead, for a machine without a network.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asDevice, describeDevice } from '../../../e2e/gpu/device.ts';
import { fetchMesa, fetchNodeAndDawn } from '../../../e2e/gpu/kit.ts';
import { findDevice } from '../../../e2e/gpu/vulkan.ts';
import { ROOT } from '../../build/app.ts';
import { countVitest } from './counts.ts';
import { packForGpu } from './gpu-pack.ts';

async function testOnGpu(filters: string[]): Promise<number> {
  await fetchNodeAndDawn(console.log);
  const device = asDevice(await findDevice(console.log));
  console.log(`Testing on ${describeDevice(device)}.`);
  const scratch = await mkdtemp(join(tmpdir(), 'phi-gpu-'));
  try {
    const report = join(scratch, 'report.json');
    const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
    const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`];
    const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'gpu', ...reporters, ...filters], {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, PHI_GPU_DEVICE: JSON.stringify(device) },
    });
    const { passed, failed, skipped } = countVitest(await readFile(report, 'utf8').catch(() => null), status ?? 1);
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped on ${describeDevice(device)}`);
    return failed > 0 ? 1 : 0;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function main(args: string[]): Promise<number> {
  const pack = args.indexOf('--pack');
  if (pack === -1) return testOnGpu(args);
  const folder = args[pack + 1];
  if (folder === undefined) throw new Error('--pack needs the name of a folder to make.');
  await fetchNodeAndDawn(console.log);
  await fetchMesa(console.log);
  await packForGpu(folder, console.log);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
