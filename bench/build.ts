/** Builds the bench page apart from the app: nothing of it ships. */
import { join } from 'node:path';
import { build, defaultClientConditions } from 'vite';

/** Builds a page of `bench/`; returns the folder that holds it, by the same path as there. */
export async function buildPage(root: string, cache: string, page = 'bench.html'): Promise<string> {
  const outDir = join(cache, 'page');
  await build({
    configFile: false,
    root: join(root, 'bench'),
    base: './',
    publicDir: false,
    logLevel: 'warn',
    // As in vite.config.ts, so that our engine is built as the app builds it.
    resolve: { conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions] },
    worker: { format: 'es', rolldownOptions: { checks: { pluginTimings: false } } },
    build: {
      outDir,
      emptyOutDir: true,
      target: 'esnext',
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 8192,
      rolldownOptions: { input: join(root, 'bench', page), checks: { pluginTimings: false } },
    },
  });
  return outDir;
}
