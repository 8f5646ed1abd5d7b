/** Reads bytes as the worker does, with pdf.js's data from its package. */
import { readFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { zipSync } from 'fflate';
import type { ReadDocument } from '../../shared/document-types.ts';
import { readDocument } from '../reading/read.ts';

export async function characterMaps(): Promise<ArrayBuffer> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('pdfjs-dist/package.json')), 'cmaps');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.bcmap'));
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const));
  return zipSync(Object.fromEntries(files), { level: 0 }).buffer;
}

export const readMade = (
  name: string,
  bytes: BlobPart,
  onPage: (done: number) => void = () => undefined,
): Promise<ReadDocument> => readDocument(new File([bytes], name), characterMaps, onPage);
