/** Reference models and numbers: a few lie here, the rest beside the repository, where they may be absent. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseExpected, type Expected } from '../../scripts/cli/evaluate/expected.ts';

const HERE = fileURLToPath(new URL('../fixtures/', import.meta.url));
const SHARED = fileURLToPath(new URL('../../../shared/fixtures/', import.meta.url));

/** Path of a fixture, or null when this machine does not have it. */
export function fixture(path: string): string | null {
  return [HERE, SHARED].map((folder) => join(folder, path)).find((candidate) => existsSync(candidate)) ?? null;
}

/** The same, for a test that has made sure that it is there. */
export function needFixture(path: string): string {
  const found = fixture(path);
  if (found === null) throw new Error(`The fixture ${path} is absent.`);
  return found;
}

export const readExpected = (path: string): Expected => parseExpected(readFileSync(needFixture(path), 'utf8'));

/** Says once which of `paths` are absent; their tests are skipped. */
export function reportAbsent(paths: readonly string[]): void {
  const absent = paths.filter((path) => fixture(path) === null);
  if (absent.length > 0)
    console.warn(`Skipped, because ../shared/fixtures is absent or lacks them: ${absent.join(', ')}`);
}

/** A model and its reference. */
export interface Model {
  path: string;
  expected: string;
}

export const gguf = (kind: string, type: string): Model => ({
  path: `phi/${kind}/gguf/${type}.gguf`,
  expected: `phi/${kind}/gguf/${type}.expected.json`,
});
/** By its file: the folder is also that of the kind's other fixtures. */
export const safetensors = (kind: string): Model => ({
  path: `phi/${kind}/model.safetensors`,
  expected: `phi/${kind}/expected.json`,
});
export const folder = (path: string): Model => ({ path: `phi/${path}`, expected: `phi/${path}/expected.json` });

/** `npm run test:backends`: the whole matrix, where `npm test` takes few cases. */
export const ALL = process.env.PHI_MATRIX === 'all';
export const matrix = <T>(few: T[], rest: T[]): T[] => (ALL ? [...few, ...rest] : few);
