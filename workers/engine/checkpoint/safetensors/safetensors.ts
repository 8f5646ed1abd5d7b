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
import { checked, CONFIG_BYTES, fileIn, folderOf, optionalJson, readJson } from '../json.ts';
import { mlxMatrix, mlxScheme } from './mlx.ts';
import { readSafetensors, type SafetensorsFile } from './file.ts';
import { readOuterBias, readPhiMoeLayer, type Modules } from './phi-moe.ts';
import { refuseByTensors, refuseQuantised } from './quantised.ts';
import { readVector, type StoredTensor } from '../tensor.ts';
import type { Checkpoint, Layer, Matrix } from '../types.ts';

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
      `${folder}config.json is missing. Take it from the same repository as the weights.`,
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
  const find = (name: string): StoredTensor => {
    const tensor = tensors.get(name);
    if (!tensor)
      throw new PhiError(
        'bad-model',
        others.has(name)
          ? `${folder}*.safetensors: the tensor ${name} has the type ${others.get(name)}, which does not occur in this layout. The file is damaged, or quantised in a way that is not supported.`
          : `${folder}*.safetensors: the tensor ${name} is missing. The download is incomplete, or this is another kind of model.`,
      );
    return tensor;
  };
  const weights = (module: string, given = find): Matrix => {
    if (!scheme || !tensors.has(`${module}.scales`)) return floatMatrix(given(`${module}.weight`));
    const biases = tensors.has(`${module}.biases`) ? given(`${module}.biases`) : undefined;
    return mlxMatrix(module, scheme, given(`${module}.weight`), given(`${module}.scales`), biases);
  };
  const matrix = (module: string): Matrix => {
    if (tensors.has(`${module}.bias`))
      throw new PhiError('unsupported-model', `${module} has a bias, which this app does not support.`);
    return weights(module);
  };
  /** One fused matrix, or its parts by rows. */
  const fused = (whole: string, parts: string[]): Matrix =>
    tensors.has(`${whole}.weight`) ? matrix(whole) : concatRows(parts.map(matrix));
  const vector = (name: string): Promise<Float32Array> => readVector(find(name));

  const modules: Modules = {
    has: (name) => tensors.has(name),
    matrix: weights,
    stacked(module, index) {
      const all = weights(module, (name) => flattened(find(name)));
      const rows = find(`${module}.weight`).dims[1] ?? 0;
      return rowRange(all, index * rows, rows);
    },
    vector,
  };
  const readLayer = async (at: string): Promise<Layer> => {
    if (config.experts) return readPhiMoeLayer(modules, at, config);
    return {
      attentionNorm: await vector(`${at}.input_layernorm.weight`),
      qkv: fused(
        `${at}.self_attn.qkv_proj`,
        ['q', 'k', 'v'].map((part) => `${at}.self_attn.${part}_proj`),
      ),
      output: matrix(`${at}.self_attn.o_proj`),
      mlpNorm: await vector(`${at}.post_attention_layernorm.weight`),
      gateUp: fused(
        `${at}.mlp.gate_up_proj`,
        ['gate', 'up'].map((part) => `${at}.mlp.${part}_proj`),
      ),
      down: matrix(`${at}.mlp.down_proj`),
    };
  };
  const layers: Layer[] = [];
  for (let i = 0; i < config.layers; i++) layers.push(await readLayer(`model.layers.${i}`));
  const embedding = matrix('model.embed_tokens');
  return checkShapes(
    {
      format: scheme ? 'mlx' : 'safetensors',
      config,
      ...(await readTextFiles(files, folder)),
      embedding,
      layers,
      norm: await vector('model.norm.weight'),
      head: tied ? embedding : config.experts ? weights('lm_head') : matrix('lm_head'),
      ...(config.experts && { bias: await readOuterBias(modules, config) }),
      notes: [],
    },
    configSource.name,
  );
}

/** A stack of matrices `[count, rows, cols]` as one, `[count * rows, cols]`. */
function flattened(tensor: StoredTensor): StoredTensor {
  const [count, rows, cols] = tensor.dims;
  if (tensor.dims.length !== 3 || !count || !rows || !cols)
    throw new PhiError(
      'bad-model',
      `${tensor.name}: a stack of matrices was expected, the file has [${tensor.dims.join(', ')}].`,
    );
  return { ...tensor, dims: [count * rows, cols] };
}

/** Folder of the only set of weights; the shallowest when there are several. */
function modelFolder(files: ModelFiles): string {
  // An adapter's weights may be in another kind of file; its config tells it.
  const folders = [...files.keys()]
    .filter((path) => path.endsWith('.safetensors') || path.endsWith(ADAPTER_CONFIG))
    .map(folderOf);
  const [first] = folders.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  if (first === undefined) throw new PhiError('bad-model', 'There is no .safetensors file among these files.');
  return first;
}

/** Every tensor of the folder, by the index where there is one. Throws `bad-model` naming a shard that is missing. */
async function readShards(files: ModelFiles, folder: string): Promise<SafetensorsFile> {
  const inFolder = [...files.keys()]
    .filter((path) => path.endsWith('.safetensors') && folderOf(path) === folder)
    .sort();
  const indexSource = fileIn(files, folder, 'model.safetensors.index.json');
  const names = new Set<string>(inFolder);
  if (indexSource) {
    const index = checked(Index, await readJson(indexSource, 8 * CONFIG_BYTES), indexSource.name);
    names.clear();
    for (const name of Object.values(index.weight_map)) names.add(folder + name);
  } else if (files.has(`${folder}model.safetensors`)) {
    names.clear();
    names.add(`${folder}model.safetensors`);
  }
  const tensors = new Map<string, StoredTensor>();
  const others = new Map<string, string>();
  for (const name of names) {
    const source: ByteSource | undefined = files.get(name);
    if (!source)
      throw new PhiError(
        'bad-model',
        `${name} is missing. The index lists ${names.size} files for the model. Add the file and try again.`,
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
