import { access, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The built app. */
export const DIST = join(ROOT, 'dist');

/** What `dist/` is made of; a change to a test or a script rebuilds nothing. */
const SOURCES = [
  'index.html',
  'evaluate.html',
  'src',
  'workers',
  'public',
  'vite.config.ts',
  'svelte.config.js',
  'package-lock.json',
];
/** Carries the time at which the build began, so that an edit during the build counts as newer. */
const STAMP = 'index.html';

/** Latest time of change (ms) below `path`, folders included because a deleted file shows there only; 0 when absent. */
async function newest(path: string): Promise<number> {
  if (/\.test\.ts$/.test(path)) return 0;
  const stats = await stat(path).catch(() => null);
  if (!stats) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  const names = await readdir(path);
  const times = await Promise.all(names.map((name) => newest(join(path, name))));
  return Math.max(stats.mtimeMs, ...times);
}

/** True when `dist/` is absent or older than its sources. */
export async function isStale(): Promise<boolean> {
  const built = await stat(join(DIST, STAMP)).catch(() => null);
  if (!built) return true;
  const times = await Promise.all(SOURCES.map((source) => newest(join(ROOT, source))));
  return Math.max(...times) > built.mtimeMs;
}

/** Builds beside `dist/` and swaps it in whole: a server or a test that runs meanwhile never sees half of a build. */
export async function buildApp(): Promise<void> {
  const { build } = await import('vite');
  const staging = join(ROOT, `dist.${process.pid}.local`);
  const start = new Date();
  try {
    await build({ root: ROOT, logLevel: 'warn', build: { outDir: staging, emptyOutDir: true } });
    await access(join(staging, STAMP));
    await utimes(join(staging, STAMP), start, start);
    await rm(DIST, { recursive: true, force: true });
    await rename(staging, DIST);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Builds only when needed; says so, because it takes some seconds. */
export async function ensureBuilt(say: (line: string) => void = console.error): Promise<void> {
  if (!(await isStale())) return;
  say('Building the app ...');
  await buildApp();
}
