/** Finds the models among files. Reads only headers: kind, weight format, size, or the reason why a model does not run. Copies nothing. */
import { PhiError } from '../../shared/errors.ts';
import { nameOfFile, nameOfFolder } from '../../shared/model-name.ts';
import type { FoundModel } from '../../shared/protocol.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { ollamaLicence } from './gguf/ollama.ts';
import { inFolder, nothingKnown, openCheckpoint } from './open.ts';
import { findModels, type FoundModel as Recognised } from './recognise.ts';
import type { Checkpoint } from './types.ts';

/** Opening a model reads its tokenizer. If a folder has more models than this, the rest is listed unopened. */
const MOST_OPENED = 8;
const WEIGHTS = /\.(gguf|onnx|safetensors|bin|data|xml|pth?|onnx_data(_\d+)?)$/i;
const CACHE_NAMES = /(^|\/)snapshots\/[^/]+\/./;
const CACHE_BLOBS = /(^|\/)blobs\/[\da-f]{40,64}$/;
const FORMATS: Record<Checkpoint['format'], string> = {
  gguf: 'GGUF',
  onnx: 'ONNX',
  openvino: 'OpenVINO',
  safetensors: 'safetensors',
  mlx: 'MLX',
};

/** A model and the folder that it lies in: '' or ending in '/'. */
interface Candidate {
  root: string;
  model: Recognised;
  /** Of its folder, without the folder's name. */
  files: ModelFiles;
}

/** Models at the top level and in folders below. Throws `bad-request` or `unsupported-model` if there are none. */
async function candidates(given: ModelFiles): Promise<Candidate[]> {
  const ollama = (await findModels(given)).filter((model) => model.ollama);
  const found: Candidate[] = ollama.map((model) => ollamaCandidate(given, model));
  const taken = new Set(found.flatMap(({ root, files }) => [...files.keys()].map((path) => root + path)));
  // Hugging Face's cache: what lies in `blobs` is there once more under its name.
  const cached = [...given.keys()].some((path) => CACHE_NAMES.test(path));
  const files = pick(given, (path) => !taken.has(path) && !(cached && CACHE_BLOBS.test(path)));
  const folders = [...new Set([...files.keys()].map((path) => path.slice(0, path.lastIndexOf('/') + 1)))].sort(
    (a, b) => a.length - b.length,
  );
  for (const root of new Set(['', ...folders])) {
    // `onnx/` belongs to the folder above it, which holds its config and tokenizer.
    if (/(^|\/)onnx\/$/i.test(root) && found.some((other) => root === `${other.root}onnx/`)) continue;
    const inside = root === '' ? files : inFolder(files, root.slice(0, -1));
    const models = await findModels(inside);
    for (const model of models) found.push({ root, model, files: membersOf(inside, model, models.length === 1) });
  }
  if (found.length === 0) throw await nothingKnown(files);
  return found;
}

/** A model of Ollama's with its manifest; its root is the folder that holds both. */
function ollamaCandidate(files: ModelFiles, model: Recognised): Candidate {
  const { manifest = '', paths = [] } = model.ollama ?? {};
  const members = [manifest, ...paths];
  let root = manifest.slice(0, manifest.lastIndexOf('/') + 1);
  while (!members.every((path) => path.startsWith(root))) root = root.slice(0, root.slice(0, -1).lastIndexOf('/') + 1);
  return { root, model, files: new Map(members.map((path) => [path.slice(root.length), files.get(path)!])) };
}

/** The files of one model: its own weights and everything that is not weights. `alone`: the only one of the folder, so all of it. */
function membersOf(folder: ModelFiles, model: Recognised, alone: boolean): ModelFiles {
  if (model.format === 'gguf') return pick(folder, (path) => model.paths.includes(path));
  if (alone) return pick(folder, (path) => !path.includes('/') || /^onnx\//i.test(path));
  const data = (path: string) =>
    model.format === 'openvino'
      ? /^openvino_[^/]*\.(bin|xml)$/i.test(path)
      : model.paths.some((own) => own !== path && path.startsWith(own));
  return pick(
    folder,
    (path) => model.paths.includes(path) || data(path) || (!WEIGHTS.test(path) && !path.includes('/')),
  );
}

function pick(files: ModelFiles, keep: (path: string) => boolean): ModelFiles {
  return new Map([...files].filter(([path]) => keep(path)));
}

/** "GGUF, Q4_K + Q6_K, Phi-4-mini" */
export function describeCheckpoint({ format, config, embedding, layers, head }: Checkpoint): string {
  const types = layers.flatMap(({ qkv, output, gateUp, down }) => [qkv, output, gateUp, down]).concat(embedding, head);
  const names = [...new Set(types.flatMap(({ type }) => type.split('+').map((one) => one.trim())))].sort();
  return `${FORMATS[format]}, ${names.join(' + ')}, ${config.name}`;
}

async function look({ root, model, files }: Candidate, open: boolean): Promise<FoundModel> {
  const paths = [...files.keys()].map((path) => root + path);
  const bytes = [...files.values()].reduce((sum, { size }) => sum + size, 0);
  const [first = ''] = model.paths;
  const named = model.format === 'gguf' || model.paths.length === 1 ? root + first : root || first;
  const name = model.ollama ? (model.ollama.name ?? model.ollama.paths[0] ?? model.ollama.manifest) : named;
  const label = placeName(model, root);
  const found = { format: model.format, name, root, paths, bytes, what: null, error: null, ...(label && { label }) };
  if (model.ollama?.error) return { ...found, error: model.ollama.error.toShape() };
  if (!open) return found;
  try {
    const checkpoint = await openCheckpoint(files);
    const { layers, hidden, heads, kvHeads, headDim, intermediate, experts, vocab, context } = checkpoint.config;
    return {
      ...found,
      what: describeCheckpoint(checkpoint),
      ...(await labelOf(model, label, checkpoint, files)),
      shape: { layers, hidden, heads, kvHeads, headDim, intermediate, ...(experts && { experts }), vocab, context },
    };
  } catch (cause) {
    return { ...found, error: PhiError.from(cause, 'bad-model').toShape() };
  }
}

/** The name that files and folders give; null: they say nothing, or the model is one file whose name says it. */
function placeName({ format, paths, ollama }: Recognised, root: string): { name: string } | null {
  const file = nameOfFile(paths[0] ?? '');
  if (ollama || (file && paths.length === 1)) return null;
  // A folder of graphs and weights is called as the folder; a GGUF says more than the folder that it was put into.
  const name = (format === 'gguf' && file) || nameOfFolder(root) || file;
  return name ? { name } : null;
}

/** The name of a model whose files say nothing, and its licence if a manifest has one. */
async function labelOf(
  { ollama, paths }: Recognised,
  given: { name: string } | null,
  { config }: Checkpoint,
  files: ModelFiles,
): Promise<Pick<FoundModel, 'label'>> {
  if (!ollama) return given || nameOfFile(paths[0] ?? '') ? {} : { label: { name: config.name } };
  const own = [...files.keys()];
  const licence = await ollamaLicence(files, {
    ...ollama,
    licence: own.find((path) => ollama.licence?.endsWith(path)) ?? null,
  });
  return { label: { name: config.name, ...(licence && { licence: licence.spdx }) } };
}

/** Two models of one name in a folder are told apart by their files. */
function tellApart(found: FoundModel[]): FoundModel[] {
  const counts = new Map<string, number>();
  for (const { label } of found) if (label) counts.set(label.name, (counts.get(label.name) ?? 0) + 1);
  return found.map((model) => {
    const { label, name } = model;
    if (!label || counts.get(label.name) === 1) return model;
    return { ...model, label: { ...label, name: `${label.name} (${name})` } };
  });
}

/** Every model among `files`, the smallest folders first. */
export async function identify(files: ModelFiles, open = MOST_OPENED): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  for (const [i, candidate] of (await candidates(files)).entries()) found.push(await look(candidate, i < open));
  return tellApart(found);
}
