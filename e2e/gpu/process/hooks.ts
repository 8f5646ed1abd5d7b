/**
 * Module hooks for the GPU process: what the bundler does for a worker in a browser. `?raw` gives a file's text, `?url` its address, and packages
 * are taken in their build for browsers.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import { ORIGIN } from './origin.ts';

interface Resolved {
  url: string;
  format?: string;
  shortCircuit?: boolean;
}
interface Context {
  conditions: string[];
}

// Node 22.15 brought it; the types are those of the oldest Node that the tools run on.
declare module 'node:module' {
  export function registerHooks(hooks: {
    resolve(specifier: string, context: Context, next: (specifier: string, context: Context) => Resolved): Resolved;
    load(url: string, context: object, next: (url: string, context: object) => object): object;
  }): void;
}

const ASSET = /\?(raw|url|worker&url)$/;
/**
 * Addresses of modules lie at the worker's own origin, as in a browser: ONNX Runtime with threads fetches a module of another origin first, and Node
 * cannot import what was fetched. Other files keep the address that Node reads.
 */
const atOrigin = (file: string): string => (file.endsWith('.mjs') ? file.replace('file://', ORIGIN) : file);

registerHooks({
  resolve(specifier, context, next) {
    if (specifier.startsWith(ORIGIN)) return next(specifier.replace(ORIGIN, 'file://'), context);
    const asset = ASSET.exec(specifier)?.[0];
    const conditions = [
      'onnxruntime-web-use-extern-wasm',
      'browser',
      ...context.conditions.filter((condition) => !condition.startsWith('node')),
    ];
    if (asset === undefined)
      return next(specifier, specifier.startsWith('node:') ? context : { ...context, conditions });
    const { url } = next(specifier.slice(0, -asset.length), { ...context, conditions });
    return { url: url + asset, format: 'module', shortCircuit: true };
  },
  load(url, context, next) {
    const asset = ASSET.exec(url)?.[0];
    if (asset === undefined) return next(url, context);
    const file = url.slice(0, -asset.length);
    const value = asset === '?raw' ? readFileSync(fileURLToPath(file), 'utf8') : atOrigin(file);
    return { format: 'module', source: `export default ${JSON.stringify(value)};`, shortCircuit: true };
  },
});
