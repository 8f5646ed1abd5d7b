/**
 * A folder with the project, its packages, the reference models and the kit of e2e/gpu: `FOLDER/test-gpu` and `FOLDER/bench-gpu` need neither a
 * network nor Node.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { copyKit } from '../../../e2e/gpu/kit.ts';
import { ROOT } from '../../build/app.ts';

/** What can be started in the folder. Linux on x86-64, with a Vulkan driver or on Mesa's lavapipe. */
const COMMANDS = {
  'test-gpu': 'scripts/cli/test/gpu.ts',
  'bench-gpu': 'bench/run.ts --backend webgpu --device dawn',
};

const start = (command: string) => `#!/bin/sh
cd "$(dirname "$0")/project" || exit 1
PATH="$PWD/.cache/gpu:$PATH" exec .cache/gpu/node node_modules/tsx/dist/cli.mjs ${command} "$@"
`;

/** Throws when `folder` exists: what lies in it may be somebody's. */
export async function packForGpu(folder: string, say: (line: string) => void): Promise<void> {
  const target = resolve(folder);
  if (existsSync(target)) throw new Error(`${target} exists already. Name a new folder.`);
  const project = join(target, 'project');
  say(`Copying the project and what it needs into ${target} ...`);
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  for (const name of files
    .toString()
    .split('\0')
    .filter((name) => name !== '' && existsSync(join(ROOT, name)))) {
    await mkdir(dirname(join(project, name)), { recursive: true });
    await cp(join(ROOT, name), join(project, name));
  }
  const isCache = (path: string) => path.startsWith(join(ROOT, 'node_modules/.cache'));
  await cp(join(ROOT, 'node_modules'), join(project, 'node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !isCache(path),
  });
  const shared = join(ROOT, '../shared/fixtures');
  if (existsSync(shared)) await cp(shared, join(target, 'shared/fixtures'), { recursive: true, dereference: true });
  await copyKit(project);
  for (const [name, command] of Object.entries(COMMANDS)) {
    await writeFile(join(target, name), start(command));
    await chmod(join(target, name), 0o755);
  }
  say(`Done. Carry ${target} to the machine, and start ${Object.keys(COMMANDS).join(' or ')} in it there.`);
}
