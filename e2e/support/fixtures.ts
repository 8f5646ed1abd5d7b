/** Reference models and numbers; see workers/testing/references.ts for where they lie. */
import { parseExpected, type Expected, type TeacherForced } from '../../scripts/cli/evaluate/expected.ts';
import { ALL } from './long.ts';
import { findModelFolder, findReference, needReference, referenceBytes } from '../../workers/testing/references.ts';

export { needReference as needFixture } from '../../workers/testing/references.ts';

export const readExpected = (path: string): Expected => parseExpected(new TextDecoder().decode(referenceBytes(path)));

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

/** Those of some models that are there: the repository's own, and more beside a clone that has `../shared/fixtures`. */
export const present = (models: readonly Model[]): Model[] =>
  models.filter(({ expected }) => findReference(expected) !== null);

/** Absolute path of a model's file or folder. */
export const pathOf = ({ path }: Model): string => findModelFolder(path) ?? needReference(path);

/** A shorter text of a reference. */
export const firstTokens = ({ input_ids, nll, argmax }: TeacherForced, tokens: number): TeacherForced => ({
  input_ids: input_ids.slice(0, tokens),
  nll: nll?.slice(0, tokens - 1),
  argmax: argmax?.slice(0, tokens - 1),
});

/** `few` must be there; of `rest`, what is there. */
export const matrix = <T extends readonly [Model, ...unknown[]]>(few: T[], rest: T[]): T[] =>
  ALL ? [...few, ...rest.filter(([{ expected }]) => findReference(expected) !== null)] : few;
