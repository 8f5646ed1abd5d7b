/** Reference models as the readers take them, and their expected logits. Node only, for tests. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { assertRange, type ByteSource, type ModelFiles } from '../../../store/bytes.ts';
import type { Checkpoint } from '../types.ts';
import { findModelFolder, needReference, referenceJson } from '../../../testing/references.ts';
import { lastLogits, loadDense } from './forward.ts';

/** Counts what is read, to prove that big files are read by range. */
export interface DiskSource extends ByteSource {
  bytesRead: number;
}

function diskSource(path: string, name: string): DiskSource {
  const size = statSync(path).size;
  const source: DiskSource = {
    name,
    size,
    bytesRead: 0,
    async read(offset, length) {
      assertRange(name, size, offset, length);
      source.bytesRead += length;
      const bytes = new Uint8Array(length);
      const file = await open(path);
      try {
        await file.read(bytes, 0, length, offset);
      } finally {
        await file.close();
      }
      return bytes;
    },
    async blob(offset, length) {
      return new Blob([await source.read(offset, length)]);
    },
  };
  return source;
}

/** A source over bytes in memory. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous, and a range error must reject
    async read(offset, length) {
      assertRange(name, bytes.length, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
    async blob(offset, length) {
      return new Blob([await this.read(offset, length)]);
    },
  };
}

const CASES = join(import.meta.dirname, '../../../../../shared/cases/models');
export const haveCases = existsSync(CASES);

/** The files of a case by their paths in it, without its notes. */
export function caseFiles(name: string): Map<string, DiskSource> {
  const root = join(CASES, name);
  const files = readdirSync(root, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(root, join(entry.parentPath, entry.name)));
  return new Map(
    paths
      .filter((path) => path !== 'README.md' && path !== 'expected.json')
      .map((path) => [path, diskSource(join(root, path), path)]),
  );
}

export function caseExpected(name: string): Expected {
  return JSON.parse(readFileSync(join(CASES, name, 'expected.json'), 'utf8')) as Expected;
}

/** Folder of `phi/` with a model in it, e.g. `phi4/onnx-cpu-int4`. Throws where it is absent. */
function modelFolder(folder: string): string {
  return findModelFolder(join('phi', folder)) ?? needReference(join('phi', folder));
}

/** Those of some folders of `phi/` that are there. */
export const presentFolders = (folders: readonly string[]): string[] =>
  folders.filter((folder) => findModelFolder(join('phi', folder)) !== null);

/** The files directly in `folder` of `phi/`. */
export function folderFiles(folder: string): Map<string, DiskSource> {
  const root = modelFolder(folder);
  const names = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(names.map(({ name }) => [name, diskSource(join(root, name), name)]));
}

/** The same files in memory, to be changed by a test. */
export function folderBytes(folder: string): Map<string, Uint8Array> {
  const root = modelFolder(folder);
  return new Map([...folderFiles(folder).keys()].map((name) => [name, new Uint8Array(readFileSync(join(root, name)))]));
}

/** A GGUF of `phi/<kind>/gguf`. */
export const ggufSource = (kind: string, name: string): DiskSource =>
  diskSource(needReference(join('phi', kind, 'gguf', name)), name);

export function memoryFiles(bytes: ReadonlyMap<string, Uint8Array>): ModelFiles {
  return new Map([...bytes].map(([name, content]) => [name, memorySource(name, content)]));
}

interface Expected {
  cases: { input_ids: number[]; last_logits: number[]; greedy: number[] }[];
}

export function readExpected(path: string): Expected {
  return referenceJson(join('phi', path)) as Expected;
}

/** Largest difference from the reference logits over all cases, and whether each case's best token is the reference's. */
export async function compareLogits(
  checkpoint: Checkpoint,
  expected: Expected,
): Promise<{ error: number; greedyEqual: boolean }> {
  const model = await loadDense(checkpoint);
  let error = 0;
  let greedyEqual = true;
  for (const { input_ids: ids, last_logits: reference, greedy } of expected.cases) {
    const logits = lastLogits(model, ids);
    // NaN must not pass: Math.max would carry it to the comparison, where it fails.
    logits.forEach((value, i) => (error = Math.max(error, Math.abs(value - reference[i]!))));
    greedyEqual &&= logits.indexOf(Math.max(...logits)) === greedy[0];
  }
  return { error, greedyEqual };
}
