/** The library: `dist-library/`, a package that is ready to publish. docs/library.md says how to use it. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, defaultClientConditions } from 'vite';
import { ROOT } from './app.ts';
import { shippedLicences } from './supply-chain.ts';
import { runTool } from '../cli/test/run-tool.ts';

export const LIBRARY = join(ROOT, 'dist-library');
const QUIET = { pluginTimings: false };

interface Package {
  name: string;
  version: string;
  license: string;
  description: string;
}

/** Modules, the worker with its assets, types, licences and the package's own description. */
export async function buildLibrary(folder = LIBRARY): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await build({
    configFile: false,
    root: ROOT,
    // Addresses relative to the module that names them: the library works wherever its folder is served.
    base: './',
    publicDir: false,
    logLevel: 'warn',
    resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
    worker: {
      format: 'es',
      rolldownOptions: {
        checks: QUIET,
        // A page that is bundled names the worker's address itself, so that it has no hash.
        output: { entryFileNames: 'assets/[name].js', chunkFileNames: 'assets/[name]-[hash].js' },
      },
    },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'esnext',
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 1024,
      modulePreload: false,
      rolldownOptions: {
        input: { index: 'src/library/index.ts' },
        preserveEntrySignatures: 'strict',
        checks: QUIET,
        output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  });
  await Promise.all([emitTypes(folder), describePackage(folder)]);
}

async function emitTypes(folder: string): Promise<void> {
  const status = await runTool(['tsc', '-p', 'src/library', '--outDir', join(folder, 'types')]);
  if (status !== 0) throw new Error('The types of the library do not compile.');
}

async function describePackage(folder: string): Promise<void> {
  const app = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Package;
  const { name, version, license } = app;
  const types = './types/src/library/index.d.ts';
  const description = {
    name,
    version,
    license,
    description: 'A Phi model in a web page, on the NPU, GPU or CPU: LanguageModel, chat completions, an engine',
    type: 'module',
    main: './index.js',
    types,
    exports: { '.': { types, default: './index.js' }, './assets/*': './assets/*', './package.json': './package.json' },
    // Everything else is bundled.
    sideEffects: false,
  };
  await Promise.all([
    writeFile(join(folder, 'package.json'), `${JSON.stringify(description, null, 2)}\n`),
    writeFile(join(folder, 'licences.json'), JSON.stringify(await shippedLicences(ROOT))),
    cp(join(ROOT, 'docs/library.md'), join(folder, 'README.md')),
    cp(join(ROOT, 'LICENSE'), join(folder, 'LICENSE')),
  ]);
}
