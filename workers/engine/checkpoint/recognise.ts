/** Finds the models in a folder: by the names of files, by Ollama's manifests, and GGUF files by their first bytes. */
import { groupBy } from '../../shared/group-by.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { ADAPTER_CONFIG } from './adapter.ts';
import { ollamaModels, type OllamaModel } from './gguf/ollama.ts';
import { isGguf, unnamedGgufs } from './gguf/sniff.ts';
import { splitName } from './gguf/split.ts';

export interface FoundModel {
  format: 'gguf' | 'onnx' | 'openvino' | 'safetensors';
  /** Paths that tell it: the GGUF or its parts in order, the ONNX graph or genai_config.json, the XML, the safetensors. */
  paths: string[];
  /** Its manifest, of a model that Ollama keeps; its files may lie in folders below. */
  ollama?: OllamaModel;
}

/** Shards of Hugging Face: `model-00001-of-00002.safetensors`. */
const SHARD = /-\d{5}-of-\d{5}(?=\.safetensors$)/i;

/**
 * Models at the top level of a folder; the folder `onnx/` of the transformers.js layout counts as top level, and so do all of Ollama's.
 * A few bytes are read of files whose names say nothing.
 */
export async function findModels(files: ModelFiles): Promise<FoundModel[]> {
  const ollama = await ollamaModels(files);
  const taken = new Set(ollama.flatMap(({ manifest, paths }) => [manifest, ...paths]));
  const paths = [...files.keys()].filter((path) => !taken.has(path)).sort();
  const models = modelsByName(paths);
  for (const model of ollama) models.push({ format: 'gguf', paths: model.paths.slice(0, 1), ollama: model });
  const top = paths.filter((path) => !path.includes('/'));
  for (const path of await unnamedGgufs(files, top)) models.push({ format: 'gguf', paths: [path] });
  if (models.length > 0) return models;
  // No model was found by name, so each file is checked by its first bytes, whatever its name says.
  for (const path of top) if (await isGguf(files.get(path)!)) models.push({ format: 'gguf', paths: [path] });
  return models;
}

function modelsByName(paths: readonly string[]): FoundModel[] {
  const top = paths.filter((path) => !path.includes('/'));
  const ending = (end: string) => top.filter((path) => path.toLowerCase().endsWith(end));
  const models: FoundModel[] = [];
  for (const parts of groupBy(ending('.gguf'), splitSet).values()) models.push({ format: 'gguf', paths: parts });

  const graphs = ending('.onnx');
  if (top.includes('genai_config.json')) models.push({ format: 'onnx', paths: ['genai_config.json', ...graphs] });
  else for (const graph of graphs) models.push({ format: 'onnx', paths: [graph] });
  const inOnnx = paths.filter((path) => /^onnx\/[^/]*\.onnx$/i.test(path));
  // GenAI's genai_config.json may name a graph of that folder; then it is one model.
  const [config] = models.filter((model) => model.paths[0] === 'genai_config.json');
  if (config?.paths.length === 1 && inOnnx.length === 1) config.paths.push(...inOnnx);
  else for (const graph of inOnnx) models.push({ format: 'onnx', paths: [graph] });

  if (top.includes('openvino_model.xml')) models.push({ format: 'openvino', paths: ['openvino_model.xml'] });
  // Beside the same weights as transformers names them, Mistral's own file is left out.
  const safetensors = ending('.safetensors');
  const named = safetensors.filter((path) => !/^consolidated/i.test(path));
  for (const shards of groupBy(named.length > 0 ? named : safetensors, (path) => path.replace(SHARD, '')).values())
    models.push({ format: 'safetensors', paths: shards });
  // An adapter with its weights in a pickle: recognised, so that it is refused for what it is.
  if (models.length === 0 && top.includes(ADAPTER_CONFIG))
    models.push({ format: 'safetensors', paths: [ADAPTER_CONFIG] });
  return models;
}

/** For an error message: the first path of each. */
export function listModels(models: FoundModel[]): string {
  return models
    .map(
      ({ format, paths, ollama }) =>
        `${ollama?.name ?? paths[0]} (${format}${paths.length > 1 ? `, ${paths.length} files` : ''})`,
    )
    .join(', ');
}

function splitSet(path: string): string {
  const split = splitName(path);
  return split ? `${split.prefix}/${split.count}` : path;
}
