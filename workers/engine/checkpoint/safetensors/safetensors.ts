/** Hugging Face safetensors (F16, BF16, F32) and MLX's quantised ones, in one file or many. */
import * as v from 'valibot';
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource, ModelFiles } from '../../../store/bytes.ts';
import { concatRows, rowRange } from '../../weights/matrix.ts';
import { ADAPTER_CONFIG, refuseAdapter, refuseAdapterTensors } from '../adapter.ts';
import { floatMatrix } from '../affine.ts';
import { checkShapes } from '../family.ts';
import { readHfConfig } from '../hf-config.ts';
import { readTextFiles } from '../hf-files.ts';
import { textPart } from '../kinds.ts';
import { checked, CONFIG_BYTES, fileIn, folderOf, missing, optionalJson, readJson } from '../json.ts';
import { mlxMatrix, mlxScheme } from './mlx.ts';
import { readSafetensors, type SafetensorsFile } from './file.ts';
import { readOuterBias, readPhiMoeLayer, type Modules } from './phi-moe.ts';
import { refuseByTensors, refuseQuantised } from './quantised.ts';
import { readVector, type StoredTensor } from '../tensor.ts';
import type { Checkpoint, Layer } from '../types.ts';
import type { Matrix } from '../../weights/matrix.ts';

const SAFETENSORS = /\.safetensors$/i;
/** `-00001-of-00003` */
const PART = /-(\d{5})-of-(\d{5})(?=\.)/;

const Index = v.object({ weight_map: v.record(v.string(), v.string()) });

/** Opens the safetensors model of the folder that holds `config.json` beside `*.safetensors`. */
export async function openSafetensors(files: ModelFiles): Promise<Checkpoint> {
  const folder = modelFolder(files);
  await refuseAdapter(files, folder);
  const configSource = fileIn(files, folder, 'config.json');
  if (!configSource) {
    refuseAdapterTensors(folder, [...(await readShards(files, folder)).tensors.keys()]);
    throw new PhiError(
      'bad-model',
      `${missing(files, folder, 'config.json')} Take it from the same repository as the weights.`,
    );
  }
  const json = await readJson(configSource, CONFIG_BYTES);
  const { config, tied } = readHfConfig(
    json,
    await optionalJson(files, folder, 'generation_config.json'),
    configSource.name,
  );
  const scheme = mlxScheme(json, configSource.name);
  if (!scheme) await refuseQuantised(files, folder, json, configSource.name);
  const { tensors, others } = await readShards(files, folder);
  if (!scheme) refuseByTensors(`${folder}*.safetensors`, tensors.keys(), others);
  const part = textPart(json, configSource.name);
  const modules = new FolderModules(folder, { tensors, others }, scheme, part !== null);
  const layers: Layer[] = [];
  for (let i = 0; i < config.layers; i++) {
    const at = `model.layers.${i}`;
    layers.push(await (config.experts ? readPhiMoeLayer(modules, at, config) : readLayer(modules, at)));
  }
  const embedding = modules.unbiased('model.embed_tokens');
  return checkShapes(
    {
      format: scheme ? 'mlx' : 'safetensors',
      config,
      ...(await readTextFiles(files, folder)),
      embedding,
      layers,
      norm: await modules.vector('model.norm.weight'),
      head: tied ? embedding : config.experts ? modules.matrix('lm_head') : modules.unbiased('lm_head'),
      ...(config.experts && { bias: await readOuterBias(modules, config) }),
      notes: part ? [`${part.name} is read without ${part.without}: it answers text only.`] : [],
    },
    configSource.name,
  );
}

async function readLayer(modules: FolderModules, at: string): Promise<Layer> {
  return {
    attentionNorm: await modules.vector(`${at}.input_layernorm.weight`),
    qkv: modules.fused(
      `${at}.self_attn.qkv_proj`,
      ['q', 'k', 'v'].map((part) => `${at}.self_attn.${part}_proj`),
    ),
    output: modules.unbiased(`${at}.self_attn.o_proj`),
    mlpNorm: await modules.vector(`${at}.post_attention_layernorm.weight`),
    gateUp: modules.fused(
      `${at}.mlp.gate_up_proj`,
      ['gate', 'up'].map((part) => `${at}.mlp.${part}_proj`),
    ),
    down: modules.unbiased(`${at}.mlp.down_proj`),
  };
}

/** The tensors of a folder by module, as transformers names them. Its methods throw `bad-model` naming the tensor that is missing. */
class FolderModules implements Modules {
  readonly #folder: string;
  readonly #file: SafetensorsFile;
  readonly #scheme: ReturnType<typeof mlxScheme>;
  readonly #adapted: boolean;

  /** `adapted`: adapters may lie beside the weights, which are then called `base_layer`. They are left out. */
  constructor(folder: string, file: SafetensorsFile, scheme: ReturnType<typeof mlxScheme>, adapted: boolean) {
    this.#folder = folder;
    this.#file = file;
    this.#scheme = scheme;
    this.#adapted = adapted;
  }

  has(tensor: string): boolean {
    return this.#file.tensors.has(tensor);
  }

  #find(name: string): StoredTensor {
    const { tensors, others } = this.#file;
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    throw new PhiError(
      'bad-model',
      others.has(name)
        ? `${this.#folder}*.safetensors: the tensor ${name} has the type ${others.get(name)}, which does not occur in this layout. The file is damaged, or quantised in a way that is not supported.`
        : `${this.#folder}*.safetensors: the tensor ${name} is missing. The download is incomplete, or this is another kind of model.`,
    );
  }

  matrix(named: string, find = (name: string) => this.#find(name)): Matrix {
    const module = this.#hasBase(named) ? `${named}.base_layer` : named;
    if (!this.#scheme || !this.has(`${module}.scales`)) return floatMatrix(find(`${module}.weight`));
    const biases = this.has(`${module}.biases`) ? find(`${module}.biases`) : undefined;
    return mlxMatrix(module, this.#scheme, find(`${module}.weight`), find(`${module}.scales`), biases);
  }

  stacked(module: string, index: number): Matrix {
    const all = this.matrix(module, (name) => flattened(this.#find(name)));
    const rows = this.#find(`${module}.weight`).dims[1] ?? 0;
    return rowRange(all, index * rows, rows);
  }

  vector(name: string): Promise<Float32Array> {
    return readVector(this.#find(name));
  }

  /** Throws `unsupported-model` for a module with a bias. */
  unbiased(module: string): Matrix {
    if (this.has(`${module}.bias`))
      throw new PhiError('unsupported-model', `${module} has a bias, which this app does not support.`);
    return this.matrix(module);
  }

  /** Phi-4-multimodal applies its adapters to pictures and speech, not to text. */
  #hasBase(module: string): boolean {
    return this.#adapted && this.has(`${module}.base_layer.weight`);
  }

  /** One fused matrix, or its parts by rows. */
  fused(whole: string, parts: string[]): Matrix {
    const isFused = this.has(`${whole}.weight`) || this.#hasBase(whole);
    return isFused ? this.unbiased(whole) : concatRows(parts.map((part) => this.unbiased(part)));
  }
}

/** A stack of matrices `[count, rows, cols]` as one, `[count * rows, cols]`. */
function flattened(tensor: StoredTensor): StoredTensor {
  const [count, rows, cols] = tensor.dims;
  if (tensor.dims.length !== 3 || !count || !rows || !cols)
    throw new PhiError(
      'bad-model',
      `${tensor.name}: expected a stack of matrices, but the file has [${tensor.dims.join(', ')}].`,
    );
  return { ...tensor, dims: [count * rows, cols] };
}

/** Folder of the only set of weights; the shallowest when there are several. */
function modelFolder(files: ModelFiles): string {
  // An adapter's weights may be in another kind of file, so its config is checked too.
  const folders = [...files.keys()]
    .filter((path) => SAFETENSORS.test(path) || path.endsWith(ADAPTER_CONFIG))
    .map(folderOf);
  const [first] = folders.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  if (first === undefined) throw new PhiError('bad-model', 'There is no .safetensors file among these files.');
  return first;
}

/** All parts of the model that `name` is a part of. */
function partsOf(name: string): string[] {
  const count = Number(PART.exec(name)?.[2] ?? 0);
  const five = (value: number) => String(value).padStart(5, '0');
  return Array.from({ length: count }, (_, i) => name.replace(PART, `-${five(i + 1)}-of-${five(count)}`));
}

/** Every tensor of the folder, by the index where there is one. Throws `bad-model` naming a shard that is missing. */
async function readShards(files: ModelFiles, folder: string): Promise<SafetensorsFile> {
  const inFolder = [...files.keys()].filter((path) => SAFETENSORS.test(path) && folderOf(path) === folder).sort();
  const indexSource = fileIn(files, folder, 'model.safetensors.index.json');
  const names = new Set<string>(inFolder);
  if (indexSource) {
    const index = checked(Index, await readJson(indexSource, 8 * CONFIG_BYTES), indexSource.name);
    names.clear();
    for (const name of Object.values(index.weight_map)) names.add(folder + name);
  } else if (files.has(`${folder}model.safetensors`)) {
    names.clear();
    names.add(`${folder}model.safetensors`);
  } else for (const name of inFolder) for (const part of partsOf(name)) names.add(part);
  const tensors = new Map<string, StoredTensor>();
  const others = new Map<string, string>();
  for (const name of names) {
    const source: ByteSource | undefined = files.get(name);
    if (!source)
      throw new PhiError(
        'bad-model',
        `${name} is missing. The model has ${names.size === 1 ? 'this one file' : `${names.size} files`} of weights. Add it and try again.`,
      );
    const shard = await readSafetensors(source);
    for (const [key, dtype] of shard.others) others.set(key, dtype);
    for (const [key, tensor] of shard.tensors) {
      if (tensors.has(key))
        throw new PhiError(
          'bad-model',
          `${key} is in two files, ${tensors.get(key)!.source.name} and ${name}. Keep only the files of one model in the folder.`,
        );
      tensors.set(key, tensor);
    }
  }
  return { tensors, others };
}
