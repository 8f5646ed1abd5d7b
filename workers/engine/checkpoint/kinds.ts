/** The networks that run here, and the names of others that people are likely to try. */
import * as v from 'valibot';
import { PhiError } from '../../shared/errors.ts';
import { checked } from './json.ts';

export const WHAT_RUNS =
  'This app runs Phi-3, Phi-3.5, Phi-4-mini and Phi-4 (Phi3ForCausalLM), Phi MoE (PhiMoEForCausalLM), and Llama checkpoints with the same structure.';

const PHI_1_2 = 'Phi-1, Phi-1.5 or Phi-2';
const SMALL = 'Phi-3-small';
const VISION = 'Phi-3-vision or Phi-3.5-vision, a model with a vision part';
const FLASH = 'Phi-4-mini-flash';

/** By the architecture, or by the type of config.json, genai_config.json or GGUF metadata, in small letters. */
const OTHER_KINDS = new Map([
  ['phiforcausallm', PHI_1_2],
  ['phi', PHI_1_2],
  ['phi2', PHI_1_2],
  ['phi3smallforcausallm', SMALL],
  ['phi3small', SMALL],
  ['phi3vforcausallm', VISION],
  ['phi3_v', VISION],
  ['phi3v', VISION],
  ['phi4mm', 'Phi-4-multimodal, a model with vision and speech parts'],
  ['phi4flashforcausallm', FLASH],
  ['phi4flash', FLASH],
  ['clip', 'a vision or audio projector (mmproj), one part of a multimodal model'],
  ['gpt2', 'GPT-2'],
]);

/** The common name of a network, by its architecture or type; null if it is not in the list. */
export function knownKind(name: string): string | null {
  return OTHER_KINDS.get(name.toLowerCase()) ?? null;
}

const experts = v.nullish(v.number());
const Kind = v.looseObject({
  architectures: v.nullish(v.array(v.string())),
  model_type: v.nullish(v.string()),
  num_local_experts: experts,
  num_experts: experts,
});
/** Fields of config.json that only models with a part for images or sound have. */
const VISION_FIELDS = [
  'vision_config',
  'img_processor',
  'vision_tower',
  'mm_vision_tower',
  'audio_processor',
  'audio_config',
];

export type NetworkKind = 'phi3' | 'phimoe' | 'llama';

/** A model whose text part is Phi3ForCausalLM under the names of its tensors; the rest of it is not read. */
export interface TextPart {
  name: string;
  /** What is not read, in words. */
  without: string;
}

const MULTIMODAL: TextPart = { name: 'Phi-4-multimodal', without: 'its parts for pictures and speech' };
const REASONING_VISION: TextPart = { name: 'Phi-4-reasoning-vision', without: 'its part for pictures' };
/** By the architecture in small letters. */
const TEXT_PARTS = new Map([
  ['phi4mmforcausallm', MULTIMODAL],
  ['phi4multimodalforcausallm', MULTIMODAL],
  ['phi4forcausallmv', REASONING_VISION],
]);

/** The text part that a config.json is read as; null for a model that is read whole. */
export function textPart(config: unknown, file: string): TextPart | null {
  const { architectures } = checked(Kind, config, file);
  return TEXT_PARTS.get(architectures?.[0]?.toLowerCase() ?? '') ?? null;
}

/** transformers renamed the class; files have either. */
const isPhiMoe = (architecture: string | null, type: string | null | undefined): boolean =>
  architecture ? architecture.toLowerCase() === 'phimoeforcausallm' : type === 'phimoe';

/** Throws `unsupported-model`, naming the kind, unless the network is Phi3ForCausalLM, PhiMoEForCausalLM or LlamaForCausalLM without further parts. */
export function assertKind(config: unknown, file: string): NetworkKind {
  const json = checked(Kind, config, file);
  const { model_type: type } = json;
  const architecture = json.architectures?.[0] ?? null;
  if (textPart(config, file)) return 'phi3';
  const phiMoe = isPhiMoe(architecture, type);
  const moe = !phiMoe && Math.max(json.num_local_experts ?? 0, json.num_experts ?? 0) > 1;
  const part = moe
    ? 'a mixture of experts'
    : VISION_FIELDS.some((field) => json[field])
      ? 'a model with a vision part'
      : null;
  if (!part) {
    if (phiMoe) return 'phimoe';
    if (architecture === 'Phi3ForCausalLM' || (!architecture && type === 'phi3')) return 'phi3';
    if (architecture === 'LlamaForCausalLM' || (!architecture && type === 'llama')) return 'llama';
  }
  const known = knownKind(architecture ?? '') ?? knownKind(type ?? '') ?? part;
  throw otherKind(file, architecture ?? type ?? 'a model without an architecture', known);
}

/** `kind`: as the file writes it; `known`: in words. */
export function otherKind(file: string, kind: string, known: string | null): PhiError {
  return new PhiError(
    'unsupported-model',
    `${file}: this is ${known ? `${known} (${kind})` : kind}, which is a different network. ${WHAT_RUNS}`,
    { kind },
  );
}

/** Files that identify parts of models that do not run, if no other file does. */
const PARTS: [RegExp, string][] = [
  [
    /^openvino_(language_model|vision_embeddings_model|text_embeddings_model)\.xml$/,
    'an OpenVINO model with a vision part',
  ],
  [
    /(^|\/)(vision_encoder|audio_encoder|embed_tokens|decoder_model_merged)[^/]*\.onnx$/,
    'an ONNX model in several parts, as those with a vision part are exported',
  ],
  [
    /(^|\/)[^/]*-(vision|speech|embedding|text-embedding)\.onnx$/,
    'an ONNX model in several parts, as those with a vision part are exported',
  ],
  [/(^|\/)[^/]*mmproj[^/]*\.gguf$/i, 'a vision or audio projector (mmproj), one part of a multimodal model'],
];

/** The part of another kind of model that these files are, in words and with the file that shows it; null if no file does. */
export function otherParts(paths: Iterable<string>): { path: string; what: string } | null {
  for (const path of paths) for (const [pattern, what] of PARTS) if (pattern.test(path)) return { path, what };
  return null;
}
