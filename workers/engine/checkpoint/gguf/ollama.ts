/**
 * Models as Ollama keeps them: blobs named by their hash, and a manifest that says which of them is the GGUF, its template and its licence.
 * The manifest lies at `manifests/HOST/NAMESPACE/MODEL/TAG` beside the folder `blobs`, or was copied into it.
 */
import * as v from 'valibot';
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource, ModelFiles } from '../../../store/bytes.ts';
import { parseJson } from '../json.ts';

const MANIFEST_BYTES = 64 << 10;
const LICENCE_BYTES = 256 << 10;
const BLOB = /^sha256[-:]([0-9a-f]{64})$/i;
const TYPE = 'application/vnd.ollama.image.';

const Manifest = v.object({
  layers: v.array(v.object({ mediaType: v.string(), digest: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/i)) })),
});

export interface OllamaModel {
  /** "phi4-mini:3.8b"; null where the manifest's path does not say it. */
  name: string | null;
  manifest: string;
  /** The GGUF, then what the manifest names beside it; all are in the files. */
  paths: string[];
  /** Path of the licence's text. */
  licence: string | null;
  /** True if the manifest has a template (in Go's language). */
  template: boolean;
  /** Why it does not open: a blob is missing, or a layer is of a kind that does not run. */
  error: PhiError | null;
}

/** The models whose manifests are among `files`. */
export async function ollamaModels(files: ModelFiles): Promise<OllamaModel[]> {
  const blobs = new Map<string, string>();
  for (const path of files.keys()) {
    const hash = BLOB.exec(baseOf(path))?.[1];
    if (hash) blobs.set(hash.toLowerCase(), path);
  }
  const models: OllamaModel[] = [];
  for (const [path, source] of files) {
    if (!mayBeManifest(path, source, blobs.size > 0)) continue;
    const layers = await readLayers(source);
    if (layers) models.push(modelOf(path, layers, blobs));
  }
  return models;
}

const baseOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);

/** In a folder `manifests`, called so, or a small file without an ending beside blobs. */
function mayBeManifest(path: string, { size }: ByteSource, besideBlobs: boolean): boolean {
  const base = baseOf(path);
  if (size > MANIFEST_BYTES || size < 2 || BLOB.test(base)) return false;
  return (
    /(^|\/)manifests\//.test(path) ||
    /^manifest(\.json)?$/i.test(base) ||
    (besideBlobs && /^[^.]+(\.json)?$/.test(base))
  );
}

type Layer = v.InferOutput<typeof Manifest>['layers'][number];

/** Null for a file that is not Ollama's manifest: other tools have files of that name. */
async function readLayers(source: ByteSource): Promise<Layer[] | null> {
  const bytes = await source.read(0, source.size);
  if (!/^\s*\{/.test(new TextDecoder().decode(bytes.subarray(0, 16)))) return null;
  let json: unknown;
  try {
    json = parseJson(source.name, bytes);
  } catch {
    return null; // not JSON, so not a manifest; the file does not belong to a model
  }
  const manifest = v.safeParse(Manifest, json);
  const ours = manifest.success && manifest.output.layers.some(({ mediaType }) => mediaType.startsWith(TYPE));
  return ours ? manifest.output.layers : null;
}

function modelOf(path: string, layers: Layer[], blobs: ReadonlyMap<string, string>): OllamaModel {
  const name = nameOf(path);
  const kind = (what: string) => layers.filter(({ mediaType }) => mediaType === TYPE + what);
  const pathOf = ({ digest }: Layer) => blobs.get(digest.slice('sha256:'.length).toLowerCase());
  const [model] = kind('model');
  const wanted = [...(model ? [model] : []), ...kind('license'), ...kind('template'), ...kind('params')];
  const licence = kind('license')
    .map(pathOf)
    .find((found) => found !== undefined);
  return {
    name,
    manifest: path,
    paths: wanted.map(pathOf).filter((found) => found !== undefined),
    licence: licence ?? null,
    template: kind('template').length > 0,
    error: problem(name ?? path, layers, model, model && pathOf(model)),
  };
}

function problem(name: string, layers: Layer[], model: Layer | undefined, gguf: string | undefined): PhiError | null {
  const has = (what: string) => layers.some(({ mediaType }) => mediaType === TYPE + what);
  const refuse = (why: string, kind: string) => new PhiError('unsupported-model', `${name}: ${why}`, { kind });
  if (has('adapter'))
    return refuse(
      'this Ollama model is a base model with a LoRA adapter. Merge the adapter into the base model and convert the result to GGUF.',
      'lora',
    );
  if (has('projector'))
    return refuse('this Ollama model has a vision part (a projector). This app runs text models only.', 'vision');
  if (!model)
    return refuse(
      'the Ollama manifest names no GGUF. This app does not read models that Ollama stores as single tensors (MLX).',
      'ollama tensors',
    );
  if (gguf) return null;
  return new PhiError(
    'bad-model',
    `${model.digest.replace(':', '-')} is missing. The Ollama manifest of ${name} names it as the model. Choose Ollama's whole "models" folder, or add that file from its "blobs" folder.`,
  );
}

/** MODEL:TAG out of `manifests/HOST/NAMESPACE/MODEL/TAG`, with the namespace where it is not Ollama's own. */
function nameOf(path: string): string | null {
  const match = /(?:^|\/)manifests\/[^/]+\/(?:(.+)\/)?([^/]+)\/([^/]+)$/.exec(path);
  if (!match) return null;
  const [, namespace, model, tag] = match;
  return `${namespace && namespace !== 'library' ? `${namespace}/` : ''}${model}:${tag}`;
}

/** SPDX id of the manifest's licence ('unknown' for another text) and its first line; null where it names none. */
export async function ollamaLicence(
  files: ModelFiles,
  { licence }: OllamaModel,
): Promise<{ spdx: string; title: string } | null> {
  const source = licence === null ? undefined : files.get(licence);
  if (!source || source.size > LICENCE_BYTES) return null;
  const text = new TextDecoder().decode(await source.read(0, source.size));
  const [title = ''] = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const known: [RegExp, string][] = [
    [/^MIT\b|\bMIT License\b/i, 'MIT'],
    [/\bApache License\b/i, 'Apache-2.0'],
  ];
  const spdx = known.find(([pattern]) => pattern.test(text.slice(0, 400)))?.[1] ?? 'unknown';
  return { spdx, title: title.slice(0, 100) };
}
