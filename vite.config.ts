import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';
import { pdfData } from './scripts/build/pdf-data.ts';
import { results } from './scripts/build/results.ts';
import { serviceWorker } from './scripts/build/service-worker.ts';
import { listedOnly, supplyChain } from './scripts/build/supply-chain.ts';
import { ISOLATION_HEADERS } from './workers/shared/headers.ts';

/** Timings of plugins are no warnings about the app. */
const QUIET = { pluginTimings: false };

/** `VITE_ORIGIN_TRIAL=token npm run build`: the site's origin-trial token for WebNN, before any script. A person may add their own in Settings. */
const originTrial: Plugin = {
  name: 'origin-trial',
  transformIndexHtml() {
    const content = process.env['VITE_ORIGIN_TRIAL'];
    return content ? [{ tag: 'meta', attrs: { 'http-equiv': 'origin-trial', content }, injectTo: 'head-prepend' }] : [];
  },
};

export default defineConfig({
  base: './',
  plugins: [
    svelte(),
    originTrial,
    listedOnly(import.meta.dirname),
    supplyChain(import.meta.dirname),
    pdfData(import.meta.dirname),
    results(import.meta.dirname),
    serviceWorker(import.meta.dirname),
  ],
  resolve: {
    // ONNX Runtime with its glue and WebAssembly as files of their own; see workers/engine/runtime/ort-files.ts.
    conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions],
  },
  worker: { format: 'es', plugins: () => [listedOnly(import.meta.dirname)], rolldownOptions: { checks: QUIET } },
  // The bundler must not pre-bundle ONNX Runtime: its files are found relative to the module.
  optimizeDeps: { exclude: ['onnxruntime-web'] },
  build: {
    target: 'esnext',
    rolldownOptions: { input: ['index.html', 'lend.html'], checks: QUIET },
    manifest: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    // The runtime's WebAssembly is not JavaScript and loads in the worker only; the budget of scripts is checked in scripts/build/size-budget.ts.
    chunkSizeWarningLimit: 1024,
  },
  server: { headers: ISOLATION_HEADERS },
  preview: { headers: ISOLATION_HEADERS },
});
