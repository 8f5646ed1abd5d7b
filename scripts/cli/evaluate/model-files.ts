/** Which files a `--model PATH` means: a file with its companions, or a folder recognised by its top level only. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { assembleModel } from './assemble.ts';

export interface Candidate {
  /** The file that a person would name. */
  main: string;
  files: string[];
  /** GGUF carries everything; the others need the configuration and tokenizer beside them. */
  selfContained: boolean;
}

const SPLIT = /-\d{5}-of-\d{5}(?=\.(gguf|safetensors)$)/;
/** Tokenizers that OpenVINO exports as models of their own. */
const NOT_A_MODEL = /^openvino_(de)?tokenizer\.xml$/;
const COMPANION = /\.(json|jinja|txt|model)$/;

/** Models among the names at the top level of a folder, each once: parts of a split file belong together. */
export function findCandidates(names: readonly string[]): Candidate[] {
  const groups = new Map<string, Candidate>();
  const add = (key: string, name: string, files: string[], selfContained: boolean): void => {
    const group = groups.get(key);
    if (group) group.files.push(...files);
    else groups.set(key, { main: name, files, selfContained });
  };
  for (const name of [...names].sort()) {
    if (name.endsWith('.gguf')) add(name.replace(SPLIT, ''), name, [name], true);
    else if (name.endsWith('.safetensors')) add(name.replace(SPLIT, ''), name, [name], false);
    else if (name.endsWith('.onnx')) {
      const data = names.filter((other) => other.startsWith(`${name}.data`) || other.startsWith(`${name}_data`));
      add(name, name, [name, ...data], false);
    } else if (name.endsWith('.xml') && !NOT_A_MODEL.test(name)) {
      const weights = name.replace(/\.xml$/, '.bin');
      if (names.includes(weights)) add(name, name, [name, weights], false);
    }
  }
  return [...groups.values()];
}

export interface ModelFile {
  /** Name inside the model's folder. */
  path: string;
  absolute: string;
  bytes: number;
}

/** `root`: the model's folder; files elsewhere are named as if they lay in it. */
const describe = (paths: string[], root?: string): Promise<ModelFile[]> =>
  Promise.all(
    paths.map(async (absolute) => {
      const inside = root !== undefined && absolute.startsWith(`${root}${sep}`);
      return {
        path: inside ? relative(root, absolute).replaceAll(sep, '/') : basename(absolute),
        absolute,
        bytes: (await stat(absolute)).size,
      };
    }),
  );

const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.isDirectory()).map((entry) => entry.name);

/** transformers.js keeps graphs in `onnx/` and everything else beside that folder: the folder above, when `folder` is such a one. */
async function aboveOnnx(folder: string, names: readonly string[]): Promise<string | null> {
  if (basename(folder) !== 'onnx' || names.includes('config.json') || names.includes('genai_config.json')) return null;
  return (await namesIn(dirname(folder))).includes('config.json') ? dirname(folder) : null;
}

/** Finds the files of the model at `path`. Throws one line when there is none, or more than one to choose from. */
export async function selectModel(path: string): Promise<ModelFile[]> {
  const absolute = resolve(path);
  const stats = await stat(absolute).catch(() => null);
  if (!stats) throw new Error(`There is no file or folder ${path}.`);
  const folder = stats.isDirectory() ? absolute : dirname(absolute);
  const names = await namesIn(folder);
  const candidates = findCandidates(names);

  if (stats.isDirectory() && candidates.length === 0 && names.includes('manifest.json'))
    return describe(await assembleModel(absolute));

  const graphs = join(absolute, 'onnx');
  if (stats.isDirectory() && candidates.length === 0 && (await stat(graphs).catch(() => null))?.isDirectory())
    return selectModel(graphs);

  let chosen: Candidate | undefined;
  if (stats.isDirectory()) {
    if (candidates.length > 1)
      throw new Error(
        `${path} contains ${candidates.length} models. Name one of them: ${candidates.map(({ main }) => main).join(', ')}`,
      );
    [chosen] = candidates;
    if (!chosen)
      throw new Error(
        `${path} contains no model at its top level (.gguf, .onnx, .safetensors, or .xml with its .bin).`,
      );
  } else {
    const name = basename(absolute);
    // A file without a known ending is the engine's to judge, by its first bytes.
    chosen = candidates.find(({ files }) => files.includes(name)) ?? { main: name, files: [name], selfContained: true };
  }
  const taken = new Set(candidates.flatMap(({ files }) => files));
  const companions = chosen.selfContained ? [] : names.filter((name) => COMPANION.test(name) && !taken.has(name));
  const files = [...chosen.files, ...companions].map((name) => join(folder, name));
  const root = chosen.selfContained ? null : await aboveOnnx(folder, names);
  if (root === null) return describe(files);
  const beside = (await namesIn(root)).filter((name) => COMPANION.test(name)).map((name) => join(root, name));
  return describe([...files, ...beside], root);
}
