/** pdf.js's character maps as one file of the app, `pdf-cmaps.zip`: 169 small files would be as many requests. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import type { Plugin } from 'vite';

const FILE = 'pdf-cmaps.zip';
/** The oldest time that a zip archive can hold, so that two builds are the same bytes. */
const MADE = '1980-01-02T00:00:00';

async function pack(root: string): Promise<Uint8Array> {
  const folder = join(root, 'node_modules/pdfjs-dist/cmaps');
  const names = (await readdir(folder)).filter((name) => name === 'LICENSE' || name.endsWith('.bcmap')).sort();
  const files = await Promise.all(
    names.map(async (name) => [name, new Uint8Array(await readFile(join(folder, name)))]),
  );
  return zipSync(Object.fromEntries(files) as Record<string, Uint8Array>, { level: 9, mtime: MADE });
}

/** Adds the archive to the build; the development server answers for it. */
export function pdfCharacterMaps(root: string): Plugin {
  return {
    name: 'pdf-cmaps',
    async generateBundle() {
      this.emitFile({ type: 'asset', fileName: FILE, source: await pack(root) });
    },
    configureServer({ middlewares }) {
      middlewares.use(`/${FILE}`, (_request, response, next) => {
        pack(root).then((bytes) => response.setHeader('Content-Type', 'application/zip').end(bytes), next);
      });
    },
  };
}
