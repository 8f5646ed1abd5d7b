/**
 * Models that are refused, as small as their kind can be told from: what docs/models.md lists, and the words that each must be refused with.
 * Laid out as their publishers lay them out.
 */
import type { ModelFiles } from '../../../store/bytes.ts';
import { memorySource } from './fixtures.ts';
import { putTensors } from './safetensors-variants.ts';
import { tinyGguf, writeGguf, type GgufContent } from './gguf-writer.ts';

export type Content = Record<string, Uint8Array | object | string>;

/** As the readers take it: objects are JSON. */
export const filesOf = (content: Content): ModelFiles =>
  new Map(
    Object.entries(content).map(([path, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return [path, memorySource(path, value instanceof Uint8Array ? value : new TextEncoder().encode(text))];
    }),
  );

export interface Refused {
  /** As docs/models.md calls it. */
  kind: string;
  files: Content;
  message: RegExp;
}

const PHI3 = {
  architectures: ['Phi3ForCausalLM'],
  model_type: 'phi3',
  vocab_size: 8,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 128,
};

/** A safetensors file of empty tensors with these types. */
const tensors = (types: Record<string, string>) =>
  putTensors(
    new Map(Object.entries(types).map(([name, dtype]) => [name, { dtype, shape: [0], data: new Uint8Array(0) }])),
  );
const DOWN = 'model.layers.0.mlp.down_proj';

/** `quantization_config` with a float model beside it, so that the config alone decides. */
const quantised = (quantization: object): Content => ({
  'config.json': { ...PHI3, quantization_config: quantization },
  'model.safetensors': tensors({ [`${DOWN}.weight`]: 'F16' }),
});
const withTensors = (types: Record<string, string>): Content => ({
  'config.json': PHI3,
  'model.safetensors': tensors(types),
});
const gguf = (change: (tiny: ReturnType<typeof tinyGguf>) => Partial<GgufContent> | void): Content => {
  const tiny = tinyGguf();
  return { 'model.gguf': writeGguf({ ...tiny, ...change(tiny) }) };
};
const adapter = { base_model_name_or_path: 'microsoft/Phi-4-mini-instruct', peft_type: 'LORA', r: 8 };
const network = (config: object): Content => ({
  'config.json': { ...PHI3, ...config },
  'model.safetensors': tensors({ [`${DOWN}.weight`]: 'F16' }),
});

const SAFETENSORS: Refused[] = [
  {
    kind: 'ModelOpt FP8',
    files: {
      ...withTensors({ [`${DOWN}.weight`]: 'F8_E4M3' }),
      'hf_quant_config.json': { producer: { name: 'modelopt' }, quantization: { quant_algo: 'FP8' } },
    },
    message: /quantised with ModelOpt FP8, which is not supported/,
  },
  {
    kind: 'ModelOpt NVFP4',
    files: quantised({ quant_method: 'modelopt', quant_algo: 'NVFP4' }),
    message: /ModelOpt NVFP4/,
  },
  {
    kind: 'ModelOpt NVFP4',
    files: withTensors({
      [`${DOWN}.weight`]: 'U8',
      [`${DOWN}.weight_scale`]: 'F8_E4M3',
      [`${DOWN}.weight_scale_2`]: 'F32',
    }),
    message: /ModelOpt NVFP4/,
  },
  { kind: 'AWQ', files: quantised({ quant_method: 'awq', bits: 4, group_size: 128 }), message: /AWQ \(4 bits\)/ },
  { kind: 'AWQ', files: { ...network({}), 'quant_config.json': { w_bit: 4 } }, message: /AWQ/ },
  { kind: 'GPTQ', files: quantised({ quant_method: 'gptq', bits: 4, group_size: 128 }), message: /GPTQ \(4 bits\)/ },
  { kind: 'GPTQ', files: { ...network({}), 'quantize_config.json': { bits: 4 } }, message: /GPTQ/ },
  { kind: 'GPTQ', files: withTensors({ [`${DOWN}.qweight`]: 'I32', [`${DOWN}.g_idx`]: 'I32' }), message: /GPTQ/ },
  {
    kind: 'compressed-tensors',
    files: quantised({ quant_method: 'compressed-tensors', format: 'pack-quantized' }),
    message: /compressed-tensors \(pack-quantized\)/,
  },
  {
    kind: 'compressed-tensors',
    files: withTensors({ [`${DOWN}.weight_packed`]: 'I32' }),
    message: /compressed-tensors/,
  },
  {
    kind: 'bitsandbytes',
    files: quantised({ quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'nf4' }),
    message: /bitsandbytes NF4/,
  },
  {
    kind: 'bitsandbytes',
    files: quantised({ quant_method: 'bitsandbytes', load_in_8bit: true }),
    message: /bitsandbytes LLM\.int8\(\)/,
  },
  {
    kind: 'bitsandbytes',
    files: withTensors({ [`${DOWN}.weight.absmax`]: 'U8', [`${DOWN}.weight`]: 'U8' }),
    message: /bitsandbytes 4-bit/,
  },
  {
    kind: 'bitsandbytes',
    files: withTensors({ [`${DOWN}.SCB`]: 'F32', [`${DOWN}.weight`]: 'I8' }),
    message: /bitsandbytes LLM\.int8/,
  },
  {
    kind: 'FP8',
    files: quantised({ quant_method: 'fp8', weight_block_size: [128, 128] }),
    message: /quantised with FP8, which/,
  },
  { kind: 'FP8', files: quantised({ quant_method: 'fbgemm_fp8' }), message: /FP8 \(FBGEMM\)/ },
  {
    kind: 'FP8',
    files: withTensors({ [`${DOWN}.weight`]: 'F8_E4M3' }),
    message: /FP8 \(model\.layers\.0\.mlp\.down_proj\.weight is F8_E4M3\)/,
  },
  ...(
    ['aqlm', 'auto-round', 'bitnet', 'eetq', 'higgs', 'hqq', 'mxfp4', 'quanto', 'quark', 'torchao', 'vptq'] as const
  ).map((method) => ({
    kind: 'AQLM, AutoRound, BitNet, EETQ, HIGGS, HQQ, MXFP4, Quanto, Quark, torchao, VPTQ',
    files: quantised({ quant_method: method }),
    message: new RegExp(`quantised with ${method.replace('-', '')}, which`, 'i'),
  })),
  {
    kind: 'LoRA adapter',
    files: { 'adapter_config.json': adapter, 'adapter_model.safetensors': tensors({ a: 'F32' }) },
    message: /LoRA adapter for microsoft\/Phi-4-mini-instruct, not a whole model\. Merge it/,
  },
  {
    kind: 'LoRA adapter',
    files: { 'adapter_config.json': adapter, 'adapter_model.bin': 'pickle' },
    message: /LoRA adapter for microsoft\/Phi-4-mini-instruct/,
  },
  {
    kind: 'LoRA adapter',
    files: {
      'adapter_config.json': { fine_tune_type: 'lora', model: 'mlx-community/phi-4-4bit' },
      'adapters.safetensors': tensors({ a: 'F32' }),
    },
    message: /LoRA adapter for mlx-community\/phi-4-4bit/,
  },
  {
    kind: 'LoRA adapter',
    files: { 'lora.safetensors': tensors({ 'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight': 'F32' }) },
    message: /LoRA adapter for a base model that its files do not name/,
  },
  {
    kind: 'DoRA adapter',
    files: {
      'adapter_config.json': { ...adapter, use_dora: true },
      'adapter_model.safetensors': tensors({ a: 'F32' }),
    },
    message: /DoRA adapter for microsoft\/Phi-4-mini-instruct/,
  },
];

const mlx = (mode: string, bits: number): Content => ({
  'config.json': { ...PHI3, quantization: { group_size: 32, bits, mode } },
  'tokenizer.json': {},
  'model.safetensors': tensors({
    'model.layers.0.input_layernorm.weight': 'F32',
    'model.layers.0.self_attn.qkv_proj.weight': 'U32',
    'model.layers.0.self_attn.qkv_proj.scales': 'U8',
  }),
});
const OTHERS: Refused[] = [
  {
    kind: 'MLX modes of the future',
    files: mlx('mxfp6', 6),
    message: /MLX quantisation "mxfp6" of 6 bits is not supported/,
  },
  {
    kind: 'ONNX pipelines for one kind of NPU',
    files: {
      'genai_config.json': { model: { type: 'phi3', context_length: 8, decoder: { pipeline: [] } } },
      'model.onnx': 'x',
    },
    message: /split into a pipeline for one kind of NPU/,
  },
];

const NETWORKS: Refused[] = [
  {
    kind: 'Phi-1, Phi-1.5, Phi-2',
    files: network({ architectures: ['PhiForCausalLM'] }),
    message: /Phi-2 \(PhiForCausalLM\)/,
  },
  {
    kind: 'Phi-1, Phi-1.5, Phi-2',
    files: gguf(({ metadata }) => void metadata.set('general.architecture', 'phi2')),
    message: /Phi-2 \("phi2"\)/,
  },
  { kind: 'Phi-3-small', files: network({ architectures: ['Phi3SmallForCausalLM'] }), message: /Phi-3-small/ },
  {
    kind: 'Phi-4-mini-flash',
    files: network({ architectures: ['Phi4FlashForCausalLM'] }),
    message: /Phi-4-mini-flash/,
  },
  {
    kind: 'Mixtures of experts',
    files: network({ architectures: ['MixtralForCausalLM'], num_local_experts: 8 }),
    message: /mixture of experts \(MixtralForCausalLM\)/,
  },
  {
    kind: 'Mixtures of experts',
    files: network({ num_local_experts: 16 }),
    message: /mixture of experts \(Phi3ForCausalLM\)/,
  },
  {
    kind: 'Mixtures of experts',
    files: gguf(({ metadata }) => void metadata.set('phi3.expert_count', 8)),
    message: /mixture of experts/,
  },
  {
    kind: 'Mixtures of experts',
    files: gguf(({ tensors: all }) => void all.push({ ...all[1]!, name: 'blk.0.ffn_gate_inp.weight' })),
    message: /The file is a mixture of experts/,
  },
  {
    kind: 'Models with a vision or speech part',
    files: network({ architectures: ['Phi3VForCausalLM'] }),
    message: /vision part \(Phi3VForCausalLM\)/,
  },
  {
    kind: 'Models with a vision or speech part',
    files: {
      'genai_config.json': { model: { type: 'phi4mm', context_length: 8, decoder: { filename: 'm.onnx' } } },
      'm.onnx': 'x',
    },
    message: /Phi-4-multimodal/,
  },
  {
    kind: 'Models with a vision or speech part',
    files: network({ vision_config: { hidden_size: 8 } }),
    message: /vision part \(Phi3ForCausalLM\)/,
  },
  {
    kind: 'Models with a vision or speech part',
    files: gguf(({ metadata }) => void metadata.set('general.architecture', 'clip')),
    message: /mmproj/,
  },
  {
    kind: 'Models with a vision or speech part',
    files: {
      'genai_config.json': { model: { type: 'phi3v', context_length: 8, decoder: { filename: 'model.onnx' } } },
      'model.onnx': 'x',
    },
    message: /vision part \(phi3v\)/,
  },
  {
    kind: 'Models with a vision or speech part',
    files: { 'openvino_language_model.xml': '<net/>', 'openvino_vision_embeddings_model.xml': '<net/>' },
    message: /OpenVINO model with a vision part/,
  },
];

const GGUF: Refused[] = [
  {
    kind: 'LoRA adapter',
    files: gguf(({ metadata }) => {
      metadata.set('general.type', 'adapter');
      metadata.set('adapter.type', 'lora');
      metadata.set('general.base_model.0.name', 'Phi 4 Mini Instruct');
    }),
    message: /LoRA adapter for Phi 4 Mini Instruct/,
  },
  {
    kind: 'Q8_1, Q8_K and types of the future',
    files: gguf(({ tensors: all }) => void (all.at(-1)!.type = 15)),
    message: /"blk\.0\.ffn_down\.weight" has the type Q8_K, which is not supported/,
  },
];

export const REFUSED: Refused[] = [...SAFETENSORS, ...OTHERS, ...NETWORKS, ...GGUF];
