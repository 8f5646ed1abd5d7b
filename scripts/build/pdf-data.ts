/** pdf.js's data as two files of the app: its character maps (169 small files would be as many requests) and the fonts that a PDF need not bring along. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import type { Plugin } from 'vite';
import type { PdfData } from '../../workers/shared/document-types.ts';

/** The folder of each archive in the package, and what of it is taken. */
const ARCHIVES: Record<PdfData, [folder: string, files: RegExp]> = {
  'pdf-cmaps.zip': ['cmaps', /^LICENSE|\.bcmap$/],
  'pdf-fonts.zip': ['standard_fonts', /^LICENSE|\.(?:pfb|ttf)$/],
};
/** The oldest time that a zip archive can hold, so that two builds are the same bytes. */
const MADE = '1980-01-02T00:00:00';

/** The archive as it is shipped. `root`: of the repository. */
export async function packPdfData(root: string, file: PdfData): Promise<Uint8Array<ArrayBuffer>> {
  const [name, wanted] = ARCHIVES[file];
  const folder = join(root, 'node_modules/pdfjs-dist', name);
  const names = (await readdir(folder)).filter((one) => wanted.test(one)).sort();
  const files = await Promise.all(names.map(async (one) => [one, new Uint8Array(await readFile(join(folder, one)))]));
  return zipSync(Object.fromEntries(files) as Record<string, Uint8Array>, { level: 9, mtime: MADE });
}

/** Adds the archives to the build; the development server answers for them. */
export function pdfData(root: string): Plugin {
  const files = Object.keys(ARCHIVES) as PdfData[];
  return {
    name: 'pdf-data',
    async generateBundle() {
      for (const file of files) this.emitFile({ type: 'asset', fileName: file, source: await packPdfData(root, file) });
    },
    configureServer({ middlewares }) {
      for (const file of files)
        middlewares.use(`/${file}`, (_request, response, next) => {
          packPdfData(root, file).then(
            (bytes) => response.setHeader('Content-Type', 'application/zip').end(bytes),
            next,
          );
        });
    },
  };
}
