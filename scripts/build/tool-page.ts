/** Builds a page of a tool (bench, evaluate) apart from the app, so that none of it ships. */
import { join } from 'node:path';
import { build, defaultClientConditions } from 'vite';

/** Builds `page`, a path below the folder `root`, into `outDir`, where it has the same path. */
export async function buildToolPage(root: string, page: string, outDir: string): Promise<void> {
  await build({
    configFile: false,
    root,
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
      rolldownOptions: { input: join(root, page), checks: { pluginTimings: false } },
    },
  });
}
