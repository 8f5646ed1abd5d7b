/**
 * Published ONNX: the layout of ONNX Runtime GenAI (model.onnx, genai_config.json) and that of transformers.js (onnx/model_q4f16.onnx).
 * The graph is not run; the weights, heads, window and rotary tables are read out of it.
 */
import * as v from 'valibot';
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource, ModelFiles } from '../../../store/bytes.ts';
import { buildCheckpoint, type Announced } from '../network/decoder-checkpoint.ts';
import { findDecoder } from '../network/decoder-graph.ts';
import { readHfConfig } from '../hf-config.ts';
import { readTextFiles } from '../hf-files.ts';
import { checked, CONFIG_BYTES, fileIn, folderOf, optionalJson, readJson } from '../json.ts';
import { knownKind, otherKind } from '../kinds.ts';
import { readOnnxModel } from './model.ts';
import { onnxRope } from './rope.ts';
import { OnnxWeights } from './weights.ts';
import { ropeOf, type Rope } from '../rope.ts';
import type { Checkpoint, PhiConfig } from '../types.ts';

const tokenIds = v.nullish(v.union([v.number(), v.array(v.number())]));
const SessionOptions = v.looseObject({ provider_options: v.nullish(v.array(v.record(v.string(), v.unknown()))) });
const GenaiConfig = v.object({
  model: v.object({
    type: v.string(),
    context_length: v.pipe(v.number(), v.integer(), v.minValue(1)),
    bos_token_id: tokenIds,
    eos_token_id: tokenIds,
    decoder: v.object({
      filename: v.nullish(v.string()),
      pipeline: v.nullish(v.unknown()),
      session_options: v.nullish(SessionOptions),
    }),
  }),
});

/** Published precisions of transformers.js, the one that suits WebGPU best first. */
const VARIANTS = ['model_q4f16', 'model_q4', 'model_int8', 'model_quantized', 'model_uint8', 'model_fp16', 'model'];

interface Layout {
  model: ByteSource;
  /** Folder of the tokenizer and config files. */
  folder: string;
  announced: Announced;
  /** The config files' word on the rotation. */
  rope: Rope | null;
  /** Row where the long rotary table begins, by a provider option; null: none says it. */
  longFrom: number | null;
}

/** Opens the ONNX model among `files`; of several, the one in the shallowest folder. */
export async function openOnnx(files: ModelFiles): Promise<Checkpoint> {
  const { model, folder, announced, rope: hinted, longFrom } = await layoutOf(files);
  const graph = await readOnnxModel(model, files);
  const reader = new OnnxWeights(model.name, graph);
  const parts = await findDecoder(reader);
  const { attention } = parts.layers[0]!;
  const rope = await onnxRope(model.name, graph, attention, { rope: hinted, context: announced.context }, longFrom);
  return buildCheckpoint(
    { format: 'onnx', file: model.name, parts, rope, window: attention.window, notes: [] },
    announced,
    await readTextFiles(files, folder),
  );
}

const byDepth = (a: string, b: string) => a.split('/').length - b.split('/').length || (a < b ? -1 : 1);

async function layoutOf(files: ModelFiles): Promise<Layout> {
  const paths = [...files.keys()].sort(byDepth);
  const genai = paths.find((path) => /(^|\/)genai_config\.json$/.test(path));
  if (genai) return genaiLayout(files, genai);
  const models = paths.filter((path) => path.endsWith('.onnx'));
  const rank = (path: string) =>
    (VARIANTS.indexOf(path.slice(folderOf(path).length, -'.onnx'.length)) + VARIANTS.length + 1) %
    (VARIANTS.length + 1);
  const [path] = models.sort((a, b) => folderOf(a).length - folderOf(b).length || rank(a) - rank(b) || byDepth(a, b));
  if (path === undefined) throw new PhiError('bad-model', 'There is no .onnx file among these files.');
  // transformers.js keeps the graphs in onnx/ and everything else beside that folder.
  const own = folderOf(path);
  const folder = fileIn(files, own, 'config.json') ? own : folderOf(own.slice(0, -1));
  const config = await hfConfig(files, folder);
  if (!config)
    throw new PhiError(
      'bad-model',
      `${folder}config.json is missing. It says which tokens end a reply, and ${path} does not. Take it from the same repository.`,
    );
  const { name, context, bos, eos } = config;
  return {
    model: files.get(path)!,
    folder,
    announced: { name, context, bos, eos },
    rope: ropeOf(config),
    longFrom: null,
  };
}

async function genaiLayout(files: ModelFiles, path: string): Promise<Layout> {
  const folder = folderOf(path);
  const { model } = checked(GenaiConfig, await readJson(files.get(path)!, CONFIG_BYTES), path);
  if (model.type !== 'phi3' && model.type !== 'llama') throw otherKind(path, model.type, knownKind(model.type));
  const { filename, pipeline } = model.decoder;
  if (pipeline || !filename)
    throw new PhiError(
      'unsupported-model',
      `${path}: the model is split into a pipeline for one kind of NPU. Choose the CPU or WebGPU variant.`,
    );
  const source = fileIn(files, folder, filename);
  if (!source)
    throw new PhiError('bad-model', `${folder}${filename} is missing. Add it, with its .data file, and try again.`);
  const hf = await hfConfig(files, folder);
  const ids = (value: number | number[] | null | undefined) => [value ?? []].flat();
  const announced: Announced = {
    name: hf?.name ?? null,
    context: model.context_length,
    bos: ids(model.bos_token_id)[0] ?? null,
    eos: [...new Set([...ids(model.eos_token_id), ...(hf?.eos ?? [])])],
  };
  return {
    model: source,
    folder,
    announced,
    rope: hf && ropeOf(hf),
    longFrom: rotaryOffset(path, model.decoder.session_options),
  };
}

/**
 * The option that says where the long rotary table begins: `multiRotaryCacheConcatOffset` of WebGPU, `multi_rotary_cache_concat_offset` and
 * `nv_multi_rotary_cache_concat_offset` of NVIDIA's provider, and the same with a provider's prefix among the session's own options. 0: none.
 */
function rotaryOffset(path: string, options: v.InferOutput<typeof SessionOptions> | null | undefined): number | null {
  if (!options) return null;
  const { provider_options: providers, ...own } = options;
  const entries = [own, ...(providers ?? []).flatMap((provider) => Object.values(provider))].flatMap((entry) =>
    entry && typeof entry === 'object' ? Object.entries(entry) : [],
  );
  const found = new Set(
    entries
      .filter(([key]) => /multirotarycacheconcatoffset$/i.test(key.replaceAll('_', '')))
      .map(([, value]) => Number(value)),
  );
  found.delete(0);
  const [offset] = found;
  if (offset === undefined) return null;
  if (found.size > 1 || !Number.isSafeInteger(offset) || offset < 0)
    throw new PhiError(
      'bad-model',
      `${path}: the offsets of the long rotary table ${[...found].join(' and ')} contradict each other or are not row numbers. Download the file again.`,
    );
  return offset;
}

/** config.json and generation_config.json, where they are there. */
async function hfConfig(files: ModelFiles, folder: string): Promise<PhiConfig | null> {
  const json = await optionalJson(files, folder, 'config.json');
  return json === null
    ? null
    : readHfConfig(json, await optionalJson(files, folder, 'generation_config.json'), `${folder}config.json`).config;
}
