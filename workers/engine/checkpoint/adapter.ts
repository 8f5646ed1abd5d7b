/** LoRA and DoRA adapters: a few small matrices that belong to a base model. They are not read, but named with their base and what to do. */
import * as v from 'valibot';
import { PhiError } from '../../shared/errors.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { checked, CONFIG_BYTES, readJson } from './json.ts';

export const ADAPTER_CONFIG = 'adapter_config.json';
const WEIGHTS = /(^|\/)adapters?(_model)?\.(safetensors|bin|pt|npz)$/;

const text = v.nullish(v.string());
/** PEFT's fields, then mlx-lm's. */
const Config = v.object({
  peft_type: text,
  base_model_name_or_path: text,
  use_dora: v.nullish(v.boolean()),
  fine_tune_type: text,
  model: text,
});

/** Tells by its name whether a file holds an adapter's weights. */
export function isAdapterFile(path: string): boolean {
  return WEIGHTS.test(path);
}

/** Throws `unsupported-model` when the weights in `folder` are an adapter's and nothing else. */
export async function refuseAdapter(files: ModelFiles, folder: string): Promise<void> {
  const inFolder = [...files.keys()].filter((path) => path.startsWith(folder));
  const weights = inFolder.filter((path) => path.endsWith('.safetensors'));
  if (weights.some((path) => !isAdapterFile(path))) return;
  const source = files.get(folder + ADAPTER_CONFIG);
  if (!source && !inFolder.some(isAdapterFile)) return;
  if (!source) throw adapterError(folder || 'adapter_model.safetensors', 'LoRA', null);
  const config = checked(Config, await readJson(source, CONFIG_BYTES), source.name);
  const type = config.use_dora ? 'DoRA' : (config.peft_type ?? config.fine_tune_type ?? 'LoRA').toLowerCase();
  const kind = type === 'lora' ? 'LoRA' : type === 'DoRA' || type === 'dora' ? 'DoRA' : type.toUpperCase();
  throw adapterError(source.name, kind, config.base_model_name_or_path ?? config.model ?? null);
}

/** For a file with another name whose tensors are named as PEFT names them. */
export function refuseAdapterTensors(where: string, names: readonly string[]): void {
  if (!names.some((name) => /\.lora_[AB](\.|$)|\.lora_[ab]$/.test(name))) return;
  const dora = names.some((name) => /lora_magnitude_vector|\.m$/.test(name));
  throw adapterError(where, dora ? 'DoRA' : 'LoRA', null);
}

/** `base`: the model it belongs to, as far as the files say. */
export function adapterError(where: string, kind: string, base: string | null): PhiError {
  return new PhiError(
    'unsupported-model',
    `${where}: this is a ${kind} adapter for ${base ?? 'a base model that its files do not name'}, not a whole model. Merge it into the base model (merge_and_unload in PEFT, mlx_lm.fuse in MLX), then open the result.`,
    { kind, ...(base && { base }) },
  );
}
