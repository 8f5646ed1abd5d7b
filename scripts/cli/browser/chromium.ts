/** The browser that comes from npm: unpacked once per version, checked, with the libraries and fonts that the system may lack. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../../node_modules/.cache/', import.meta.url));
const MANIFEST = 'unpacked.json';
const FONT_FOLDERS = [
  '/usr/share/fonts',
  '/usr/local/share/fonts',
  join(homedir(), '.fonts'),
  join(homedir(), '.local/share/fonts'),
];

export interface Browser {
  executable: string;
  /** Environment that the browser needs besides ours. */
  env: Record<string, string>;
}

/** `{path: bytes}` of all files below `folder`. */
async function sizes(folder: string): Promise<Record<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && entry.name !== MANIFEST)
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file.slice(folder.length + 1), (await stat(file)).size] as const)),
  );
}

/** True when `folder` holds every file of its manifest in full size. */
async function isWhole(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => null);
  if (text === null) return false;
  const wanted = JSON.parse(text) as Record<string, number>;
  const found = await sizes(folder);
  return Object.entries(wanted).every(([path, bytes]) => found[path] === bytes);
}

/** Folder with the unpacked browser. The package itself would take any `chromium` that lies in TMPDIR, even half of one. */
async function unpack(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const home = dirname(dirname(entry));
  const { version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as { version: string };
  const target = join(CACHE, `chromium-${version}`);
  if (await isWhole(target)) return target;

  const staging = `${target}.${process.pid}`;
  await mkdir(staging, { recursive: true });
  const temporary = process.env.TMPDIR;
  process.env.TMPDIR = staging;
  try {
    const { default: chromium, inflate } = await import('@sparticuz/chromium');
    await chromium.executablePath();
    await inflate(join(home, 'bin', 'al2023.tar.br'));
    await writeFile(join(staging, MANIFEST), JSON.stringify(await sizes(staging)));
    if (!(await isWhole(target))) {
      await rm(target, { recursive: true, force: true });
      await rename(staging, target).catch(async (error: unknown) => {
        // Another process may have been first; its copy is as good as ours.
        if (!(await isWhole(target))) throw error;
      });
    }
  } finally {
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
    await rm(staging, { recursive: true, force: true });
  }
  return target;
}

/** Shared libraries that the loader does not find, or what it says of a broken one. */
async function missingLibraries(executable: string, libraries?: string): Promise<string[]> {
  const env = libraries ? { ...process.env, LD_LIBRARY_PATH: libraries } : process.env;
  const output = await run('ldd', [executable], { env }).catch((error: { stdout?: string; message: string }) => ({
    stdout: error.stdout ?? '',
    message: error.message,
  }));
  const missing = [...output.stdout.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]!);
  return 'message' in output && missing.length === 0 ? [output.stdout.trim() || output.message.trim()] : missing;
}

async function hasFonts(): Promise<boolean> {
  for (const folder of FONT_FOLDERS) {
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    if (names.some((name) => /\.(ttf|otf|ttc|woff2?)$/i.test(name))) return true;
  }
  return false;
}

/** The npm browser, ready to launch. Throws one line that names what the system lacks. */
export async function npmChromium(): Promise<Browser> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `The browser from npm runs on Linux x64 only, and this is ${process.platform} ${process.arch}. Set PHI_BROWSER to the path of Chrome, Edge or Chromium.`,
    );
  }
  const folder = await unpack();
  const executable = join(folder, 'chromium');
  const bundled = join(folder, 'al2023', 'lib');
  const env: Record<string, string> = {};

  const useBundled = process.env.PHI_BROWSER_LIBRARIES === 'bundled' || (await missingLibraries(executable)).length > 0;
  if (useBundled) {
    const missing = await missingLibraries(executable, bundled);
    if (missing.length > 0)
      throw new Error(
        `The test browser needs ${missing.join(', ')}, which this system lacks. Install it (on Debian: apt-get install libnss3 libexpat1).`,
      );
    env.LD_LIBRARY_PATH = [bundled, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  }
  if (!(await hasFonts())) {
    const config = join(folder, 'fonts.local.conf');
    await writeFile(
      config,
      `<?xml version="1.0"?><fontconfig><dir>${join(folder, 'fonts', 'fonts')}</dir><cachedir>${join(folder, 'font-cache')}</cachedir></fontconfig>`,
    );
    env.FONTCONFIG_FILE = config;
  }
  return { executable, env };
}
