/** The unit tests of `LanguageModel`, which are written from the specification, as a page for any browser. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'vite';
import { ROOT } from '../../scripts/build/app.ts';

/** Builds it into `folder`, which any server can serve. The page leaves its results in the global `outcomes`. */
export async function buildLanguageModelPage(folder: string): Promise<void> {
  await build({
    configFile: false,
    root: ROOT,
    publicDir: false,
    logLevel: 'error',
    define: { 'process.env': '{}' },
    resolve: { alias: [{ find: /^vitest$/, replacement: join(ROOT, 'e2e/support/spec-page/vitest.ts') }] },
    build: {
      outDir: folder,
      emptyOutDir: true,
      target: 'esnext',
      rolldownOptions: {
        input: { main: join(ROOT, 'e2e/support/spec-page/main.ts') },
        output: { entryFileNames: '[name].js' },
      },
    },
  });
  const html = '<!doctype html><title>LanguageModel</title><script type="module" src="/main.js"></script>';
  await writeFile(join(folder, 'index.html'), html);
}
