/**
 * The collection of results (`results/*.json`, one file a machine) beside the built page: an index and the files, each checked, without white space. A file
 * that is wrong fails the build with its name.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'vite';
import { parseMachine } from '../../src/results/machine-file.ts';

const FOLDER = 'results';

/** Contents by name below `results/`: `index.json` and the machines. */
export async function collectResults(root: string): Promise<Map<string, string>> {
  const names = (await readdir(join(root, FOLDER))).filter((name) => name.endsWith('.json')).sort();
  const files = new Map([['index.json', JSON.stringify({ files: names })]]);
  for (const name of names) {
    try {
      files.set(name, JSON.stringify(parseMachine(await readFile(join(root, FOLDER, name), 'utf8'))));
    } catch (cause) {
      throw new Error(`${FOLDER}/${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  return files;
}

/** Vite plugin: writes them into the build, and serves them during development. */
export function results(root: string): Plugin {
  return {
    name: 'results',
    async generateBundle() {
      for (const [name, source] of await collectResults(root))
        this.emitFile({ type: 'asset', fileName: `${FOLDER}/${name}`, source });
    },
    configureServer(server) {
      server.middlewares.use(`/${FOLDER}`, (request, response, next) => {
        collectResults(root).then((files) => {
          const found = files.get((request.url ?? '').replace(/^\/|[?#].*$/g, ''));
          if (found === undefined) next();
          else response.setHeader('Content-Type', 'application/json').end(found);
        }, next);
      });
    },
  };
}
