/**
 * Recognises quantisations of safetensors that are not read, from config files and tensor names, so that the refusal
 * names the kind.
 */
import * as v from 'valibot';
import { PhiError } from '../../../shared/errors.ts';
import type { ModelFiles } from '../../../store/bytes.ts';
import { checked, fileIn, optionalJson } from '../json.ts';

const text = v.nullish(v.string());
const Quantization = v.looseObject({
  quant_method: text,
  quant_algo: text,
  format: text,
  load_in_4bit: v.nullish(v.boolean()),
  load_in_8bit: v.nullish(v.boolean()),
  _load_in_4bit: v.nullish(v.boolean()),
  bnb_4bit_quant_type: text,
  bits: v.nullish(v.number()),
});
const Config = v.object({
  quantization_config: v.nullish(Quantization),
  // Models with several parts keep it here.
  compression_config: v.nullish(Quantization),
});
const ModelOpt = v.object({ quantization: v.nullish(v.object({ quant_algo: text })) });

/** How people write the names that quantisers write in small letters. */
const METHODS = new Map([
  ['aqlm', 'AQLM'],
  ['auto-round', 'AutoRound'],
  ['awq', 'AWQ'],
  ['bitnet', 'BitNet'],
  ['compressed-tensors', 'compressed-tensors'],
  ['eetq', 'EETQ'],
  ['fbgemm_fp8', 'FP8 (FBGEMM)'],
  ['fp8', 'FP8'],
  ['gptq', 'GPTQ'],
  ['higgs', 'HIGGS'],
  ['hqq', 'HQQ'],
  ['modelopt', 'ModelOpt'],
  ['mxfp4', 'MXFP4'],
  ['quanto', 'Quanto'],
  ['quark', 'Quark'],
  ['torchao', 'torchao'],
  ['vptq', 'VPTQ'],
]);

/** Throws `unsupported-model` that names the quantiser when the files beside the weights name one. `config` is config.json's content. */
export async function refuseQuantised(files: ModelFiles, folder: string, config: unknown, file: string): Promise<void> {
  const { quantization_config, compression_config } = checked(Config, config, file);
  const own = quantization_config ?? compression_config;
  const method = own && describe(own);
  if (method) throw refused(file, method);
  const modelOpt = `${folder}hf_quant_config.json`;
  const algorithm = checked(v.nullish(ModelOpt), await optionalJson(files, folder, 'hf_quant_config.json'), modelOpt)
    ?.quantization?.quant_algo;
  // Without an algorithm only the cache of keys and values is quantised; the weights are plain.
  if (algorithm) throw refused(modelOpt, `ModelOpt ${algorithm}`);
  // Before config.json had a place for it.
  for (const [name, kind] of [
    ['quantize_config.json', 'GPTQ'],
    ['quant_config.json', 'AWQ'],
  ] as const)
    if (fileIn(files, folder, name)) throw refused(folder + name, kind);
}

/** "bitsandbytes NF4", "compressed-tensors (pack-quantized)"; null where nothing is quantised. */
function describe(own: v.InferOutput<typeof Quantization>): string | null {
  const { quant_method: method, quant_algo: algorithm, format } = own;
  const four = own.load_in_4bit ?? own._load_in_4bit;
  if (method === 'bitsandbytes' || (!method && (four || own.load_in_8bit))) {
    return `bitsandbytes ${four ? (own.bnb_4bit_quant_type?.toUpperCase() ?? '4-bit') : 'LLM.int8()'}`;
  }
  if (!method) return algorithm ? `ModelOpt ${algorithm}` : null;
  const name = METHODS.get(method) ?? method;
  const bits = method === 'gptq' || method === 'awq' ? own.bits : null;
  if (algorithm) return `${name} ${algorithm}`;
  if (format) return `${name} (${format})`;
  return bits ? `${name} (${bits} bits)` : name;
}

/** Recognises the quantisation by tensor names and types when no config file names it. The first match counts. */
const TENSORS: [RegExp, string][] = [
  [/\.weight_scale_2$/, 'ModelOpt NVFP4'],
  [/\.weight_packed$/, 'compressed-tensors'],
  [/\.g_idx$/, 'GPTQ'],
  [/\.qweight$/, 'GPTQ or AWQ'],
  [/\.quant_state\.bitsandbytes__|\.weight\.(absmax|quant_map)$/, 'bitsandbytes 4-bit'],
  [/\.SCB$/, 'bitsandbytes LLM.int8()'],
  [/\.W_q$/, 'HQQ'],
  [/\.weight\._(data|scale)$/, 'Quanto'],
];

/** The same by the tensors: their names, and `others`, the types of those that no supported layout has. Throws `unsupported-model`. */
export function refuseByTensors(where: string, names: Iterable<string>, others: ReadonlyMap<string, string>): void {
  const all = [...names, ...others.keys()];
  const known = TENSORS.find(([pattern]) => all.some((name) => pattern.test(name)));
  if (known) throw refused(where, known[1]);
  const float8 = [...others].find(([, dtype]) => dtype.startsWith('F8_E'));
  if (float8) throw refused(where, `FP8 (${float8[0]} is ${float8[1]})`);
}

function refused(where: string, method: string): PhiError {
  return new PhiError(
    'unsupported-model',
    `${where}: the weights are quantised with ${method}, which is not supported. Open the model as GGUF, ONNX or MLX, or its unquantised safetensors.`,
    { kind: method },
  );
}
