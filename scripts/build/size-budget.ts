/** Keeps the download before the first paint small: ONNX Runtime and the tokenizer belong to the worker. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DIST } from './app.ts';

const FIRST_PAINT_BYTES = 120 * 1024;

interface Chunk {
  file: string;
  imports?: string[];
  css?: string[];
}

const manifest = JSON.parse(await readFile(join(DIST, '.vite', 'manifest.json'), 'utf8')) as Record<string, Chunk>;

/** Scripts and styles that the page needs before its first paint: the entry and everything that it imports statically. */
function firstPaint(entry: string, seen = new Set<string>()): Set<string> {
  const chunk = manifest[entry];
  if (!chunk || seen.has(chunk.file)) return seen;
  for (const file of [chunk.file, ...(chunk.css ?? [])]) seen.add(file);
  for (const name of chunk.imports ?? []) firstPaint(name, seen);
  return seen;
}

const files = [...firstPaint('index.html')];
if (files.length === 0) throw new Error('dist/.vite/manifest.json has no index.html.');
let total = 0;
for (const file of files) {
  const bytes = gzipSync(await readFile(join(DIST, file))).length;
  total += bytes;
  console.log(`${(bytes / 1024).toFixed(1).padStart(8)} KB  ${file}`);
}
console.log(
  `${(total / 1024).toFixed(1).padStart(8)} KB  in all, compressed, before the first paint (budget: ${FIRST_PAINT_BYTES / 1024} KB)`,
);
if (total > FIRST_PAINT_BYTES) process.exitCode = 1;
