import { access, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The built app. */
export const DIST = join(ROOT, 'dist');

/** The page of `npm run evaluate`, which is not part of the app. */
export const EVALUATE_PAGE = join(ROOT, 'node_modules/.cache/evaluate-page');

/** A page with all that it loads, built into a folder of its own. */
interface BuiltPage {
  folder: string;
  /** Carries the time at which the build began, so that an edit during the build counts as newer. */
  page: string;
  /** The sources of the build, so that a change to a test rebuilds nothing. */
  sources: readonly string[];
  build: (outDir: string) => Promise<void>;
}

const SHARED_SOURCES = ['workers', 'package-lock.json'];

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

/** True when a folder's page is absent or older than one of its sources. */
async function isStale({ folder, page, sources }: BuiltPage): Promise<boolean> {
  const built = await stat(join(folder, page)).catch(() => null);
  if (!built) return true;
  const times = await Promise.all(sources.map((source) => newest(join(ROOT, source))));
  return Math.max(...times) > built.mtimeMs;
}

/** Runs `build` as production, whatever the process around it is: Vite would take over a `NODE_ENV` that is set, and set it for all that follows. */
async function inProduction(build: () => Promise<void>): Promise<void> {
  const before = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  try {
    await build();
  } finally {
    if (before === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = before;
  }
}

/** Builds beside the folder and swaps it in whole: a server or a test that runs meanwhile never sees half of a build. */
async function buildWhole({ folder, page, build }: BuiltPage): Promise<void> {
  const staging = `${folder}.${process.pid}.local`;
  const start = new Date();
  try {
    await inProduction(() => build(staging));
    await access(join(staging, page));
    await utimes(join(staging, page), start, start);
    await rm(folder, { recursive: true, force: true });
    await rename(staging, folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

const APP: BuiltPage = {
  folder: DIST,
  page: 'index.html',
  sources: [
    'index.html',
    'lend.html',
    'src',
    ...SHARED_SOURCES,
    'public',
    'scripts/build',
    'vite.config.ts',
    'svelte.config.js',
  ],
  async build(outDir) {
    const { build } = await import('vite');
    await build({ root: ROOT, logLevel: 'warn', build: { outDir, emptyOutDir: true } });
  },
};

const EVALUATE_SOURCES = 'scripts/cli/evaluate/page';
const EVALUATE: BuiltPage = {
  folder: EVALUATE_PAGE,
  page: 'evaluate.html',
  sources: [EVALUATE_SOURCES, ...SHARED_SOURCES, 'scripts/build/tool-page.ts'],
  async build(outDir) {
    const { buildToolPage } = await import('./tool-page.ts');
    await buildToolPage(join(ROOT, EVALUATE_SOURCES), 'evaluate.html', outDir);
  },
};

/** The built app in `folder`. */
export const buildApp = (folder = DIST): Promise<void> => buildWhole({ ...APP, folder });

/** Builds the app when it is absent or old, and says so, because it takes some seconds. */
export async function ensureBuilt(say: (line: string) => void = console.error): Promise<void> {
  if (!(await isStale(APP))) return;
  say('Building the app ...');
  await buildApp();
}

/** As `ensureBuilt`, for the page of `npm run evaluate`. */
export async function ensureEvaluatePage(say: (line: string) => void = console.error): Promise<void> {
  if (!(await isStale(EVALUATE))) return;
  say('Building the page of npm run evaluate ...');
  await buildWhole(EVALUATE);
}
