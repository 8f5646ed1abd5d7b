/** The service worker of a build: bundled to one classic script, because not every browser takes modules there, with the list of its files. */
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { build, type Plugin } from 'vite';
import { metaPolicy } from '../../workers/shared/headers.ts';
import type { AppFile, AppFiles } from '../../workers/shared/offline-protocol.ts';
import { listedOnly } from './supply-chain.ts';

export const SERVICE_WORKER = 'service-worker.js';
const PAGE = 'index.html';

/** ONNX Runtime's glue and WebAssembly: 17 MB, kept after first use. */
const RUNTIME = /(^|\/)ort-wasm[^/]*\.(mjs|wasm)$/;
/** Not part of the app as a person uses it, or not to be kept twice. */
const LEFT_OUT = [
  /^\./,
  /^models\//,
  /^results\//,
  /^screenshots\//,
  /^sbom/,
  /\.map$/,
  new RegExp(`^${SERVICE_WORKER}$`),
];

async function appFile(folder: string, path: string): Promise<AppFile> {
  const hash = createHash('sha384').update(await readFile(join(folder, path)));
  // Many hosts redirect the page's own name to its folder.
  return { path: path === PAGE ? '' : path, integrity: `sha384-${hash.digest('base64')}` };
}

/** The files of the app in `folder` that the service worker keeps. The version is a hash of all of them. */
export async function listFiles(folder: string): Promise<AppFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  const ours = paths
    .map((path) => path.replaceAll(sep, '/'))
    .filter((path) => !LEFT_OUT.some((pattern) => pattern.test(path)));
  const files = await Promise.all(ours.sort().map((path) => appFile(folder, path)));
  const version = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
  return {
    version,
    shell: files.filter(({ path }) => !RUNTIME.test(path)),
    runtime: files.filter(({ path }) => RUNTIME.test(path)),
  };
}

/** Writes the service worker of the app in `folder`; `code` is what `bundle` gave. */
export async function writeServiceWorker(folder: string, code: string): Promise<void> {
  await writeFile(join(folder, SERVICE_WORKER), `self.PHI_FILES=${JSON.stringify(await listFiles(folder))};\n${code}`);
}

async function bundle(root: string): Promise<string> {
  const result = await build({
    configFile: false,
    root,
    logLevel: 'warn',
    publicDir: false,
    plugins: [listedOnly(root)],
    build: {
      write: false,
      target: 'esnext',
      lib: { entry: join(root, 'workers/service.worker.ts'), formats: ['iife'], name: 'serviceWorker' },
      rolldownOptions: { checks: { pluginTimings: false } },
    },
  });
  const [output] = Array.isArray(result) ? result : [];
  const chunk = output?.output[0];
  if (chunk?.type !== 'chunk') throw new Error('The service worker was not bundled into one script.');
  return chunk.code;
}

/** Vite plugin: the service worker beside the built page, and the page's policy in the page, for hosts that send no headers. */
export function serviceWorker(root: string): Plugin {
  let outDir = '';
  return {
    name: 'phi-service-worker',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir);
    },
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: metaPolicy() },
        injectTo: 'head-prepend',
      },
    ],
    writeBundle: {
      order: 'post',
      sequential: true,
      handler: async () => writeServiceWorker(outDir, await bundle(root)),
    },
  };
}
