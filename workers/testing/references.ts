/**
 * Where reference models and numbers lie. The repository carries the smallest set that covers every format, every kind of Phi and every
 * quantisation (`e2e/fixtures`); `../shared/fixtures` beside a clone adds more of the same. Node only, for tests and tools.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const OWN = join(import.meta.dirname, '../../e2e/fixtures');
const SHARED = join(import.meta.dirname, '../../../shared/fixtures');
const ROOTS = [OWN, SHARED];

/** Absolute path of a reference file or folder, e.g. `phi/phi4/gguf/q4_0.gguf`; null where neither place has it. */
export function findReference(path: string): string | null {
  return ROOTS.map((root) => join(root, path)).find((candidate) => existsSync(candidate)) ?? null;
}

/** The same for a file or folder that must be there. Throws an error that names it. */
export function needReference(path: string): string {
  const found = findReference(path);
  if (found === null) throw new Error(`The reference ${path} is absent from e2e/fixtures and ../shared/fixtures.`);
  return found;
}

/** Folder of a model whose expected logits lie in it. Part of another model may lie in a folder of the same name elsewhere. */
export function findModelFolder(path: string): string | null {
  return ROOTS.map((root) => join(root, path)).find((folder) => existsSync(join(folder, 'expected.json'))) ?? null;
}

/** Bytes of a reference file, which may be compressed: `tokenizer.json` may lie there as `tokenizer.json.br`. */
export function referenceBytes(path: string): Uint8Array {
  const plain = findReference(path);
  return plain === null ? brotliDecompressSync(readFileSync(needReference(`${path}.br`))) : readFileSync(plain);
}

/** Content of a reference file in JSON. */
export const referenceJson = (path: string): unknown =>
  JSON.parse(new TextDecoder().decode(referenceBytes(path))) as unknown;

/** Names of the files in all folders that `path` stands for, sorted, each once. */
export function referenceNames(path: string): string[] {
  const folders = ROOTS.map((root) => join(root, path)).filter((folder) => existsSync(folder));
  return [...new Set(folders.flatMap((folder) => readdirSync(folder)))].sort();
}
