/** Hugging Face config.json as PhiConfig. The meaning of every field is that of transformers' Phi3Config and LlamaConfig. */
import * as v from 'valibot';
import { PhiError } from '../../shared/errors.ts';
import { nameOfFolder } from '../../shared/model-name.ts';
import { checkConfig, EXPERTS_PER_TOKEN, familyName } from './family.ts';
import { checked } from './json.ts';
import { assertKind, textPart } from './kinds.ts';
import type { ExpertsConfig, PhiConfig, RopeScaling } from './types.ts';

/** transformers' default of PhimoeConfig. */
const DEFAULT_EXPERTS = 16;

const count = v.pipe(v.number(), v.integer(), v.minValue(1));
const tokenIds = v.nullish(v.union([v.number(), v.array(v.number())]));
const factors = v.nullish(v.array(v.number()));

const Rope = v.object({
  type: v.nullish(v.string()),
  rope_type: v.nullish(v.string()),
  rope_theta: v.nullish(v.number()),
  partial_rotary_factor: v.nullish(v.number()),
  short_factor: factors,
  long_factor: factors,
  factor: v.nullish(v.number()),
  attention_factor: v.nullish(v.number()),
  /** Attention factors of Phi MoE for the short and the long set. */
  short_mscale: v.nullish(v.number()),
  long_mscale: v.nullish(v.number()),
  original_max_position_embeddings: v.nullish(count),
});

const HfConfig = v.object({
  _name_or_path: v.nullish(v.string()),
  hidden_act: v.nullish(v.string(), 'silu'),
  attention_bias: v.nullish(v.boolean()),
  mlp_bias: v.nullish(v.boolean()),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: v.nullish(count),
  head_dim: v.nullish(count),
  num_local_experts: v.nullish(count),
  num_experts_per_tok: v.nullish(count),
  router_jitter_noise: v.nullish(v.number(), 0.01),
  rms_norm_eps: v.nullish(v.number(), 1e-5),
  rope_theta: v.nullish(v.number()),
  partial_rotary_factor: v.nullish(v.number()),
  max_position_embeddings: count,
  original_max_position_embeddings: v.nullish(count),
  sliding_window: v.nullish(v.number()),
  bos_token_id: tokenIds,
  eos_token_id: tokenIds,
  tie_word_embeddings: v.nullish(v.boolean()),
  /** transformers before 5; a scaling only. */
  rope_scaling: v.nullish(Rope),
  /** transformers 5: base, partial factor and scaling together. */
  rope_parameters: v.nullish(Rope),
});
type HfConfig = v.InferOutput<typeof HfConfig>;

/** transformers' default attention factor of LongRoPE. */
export function longRopeFactor(scale: number, originalContext: number): number {
  return scale <= 1 ? 1 : Math.sqrt(1 + Math.log(scale) / Math.log(originalContext));
}

function ropeScaling(config: HfConfig, file: string): RopeScaling | null {
  const rope = config.rope_parameters ?? config.rope_scaling;
  const type = rope?.rope_type ?? rope?.type ?? 'default';
  if (!rope || type === 'default') return null;
  // Phi-3-mini-128k was first published with "su" and "yarn"; transformers reads both as "longrope" for Phi-3.
  if (!['longrope', 'su', 'yarn'].includes(type) || !rope.short_factor || !rope.long_factor) {
    throw new PhiError(
      'unsupported-model',
      `${file}: rotary scaling of type "${type}" is not supported. Phi uses "longrope".`,
      { kind: type },
    );
  }
  const originalContext =
    config.original_max_position_embeddings ?? rope.original_max_position_embeddings ?? config.max_position_embeddings;
  const scale = config.max_position_embeddings / originalContext;
  return {
    short: Float32Array.from(rope.short_factor),
    long: Float32Array.from(rope.long_factor),
    ...(rope.long_mscale && { longAttentionFactor: rope.long_mscale }),
    attentionFactor:
      rope.short_mscale ??
      rope.attention_factor ??
      longRopeFactor(config.original_max_position_embeddings ? scale : (rope.factor ?? scale), originalContext),
    originalContext,
  };
}

const ids = (value: number | number[] | null | undefined): number[] =>
  value === null || value === undefined ? [] : [value].flat();

/**
 * Reads config.json (and generation_config.json, for more end tokens). Returns the hyperparameters and whether the head is the embedding.
 * Throws `unsupported-model` for another network, `bad-model` for numbers that cannot be.
 */
export function readHfConfig(json: unknown, generation: unknown, file: string): { config: PhiConfig; tied: boolean } {
  const kind = assertKind(json, file);
  const hf = checked(HfConfig, json, file);
  if (hf.hidden_act !== 'silu')
    throw new PhiError(
      'unsupported-model',
      `${file}: activation "${hf.hidden_act}" is not supported. Phi uses "silu".`,
    );
  if ((hf.attention_bias && kind !== 'phimoe') || hf.mlp_bias)
    throw new PhiError('unsupported-model', `${file}: linear layers with biases are not supported. Phi has no biases.`);
  const experts = kind === 'phimoe' ? expertsOf(hf, file) : undefined;
  const rope = hf.rope_parameters ?? hf.rope_scaling;
  const headDim = hf.head_dim ?? hf.hidden_size / hf.num_attention_heads;
  const partial = kind === 'phi3' ? (hf.partial_rotary_factor ?? rope?.partial_rotary_factor ?? 1) : 1;
  const more = checked(
    v.nullish(v.object({ eos_token_id: tokenIds, bos_token_id: tokenIds })),
    generation,
    file.replace(/[^/]*$/, 'generation_config.json'),
  );
  const context = hf.max_position_embeddings;
  const window = kind === 'llama' ? null : hf.sliding_window;
  const config: PhiConfig = {
    name: '',
    layers: hf.num_hidden_layers,
    hidden: hf.hidden_size,
    heads: hf.num_attention_heads,
    kvHeads: hf.num_key_value_heads ?? hf.num_attention_heads,
    headDim,
    intermediate: hf.intermediate_size,
    ...(experts && { experts }),
    vocab: hf.vocab_size,
    normEps: hf.rms_norm_eps,
    ropeTheta: hf.rope_parameters?.rope_theta ?? hf.rope_theta ?? 10000,
    rotaryDim: Math.trunc(headDim * partial),
    ropeScaling: ropeScaling(hf, file),
    context,
    slidingWindow: normalWindow(window, context),
    bos: ids(hf.bos_token_id ?? more?.bos_token_id)[0] ?? null,
    eos: [...new Set([...ids(hf.eos_token_id), ...ids(more?.eos_token_id)])],
  };
  const given = nameOfFolder(hf._name_or_path ?? '');
  const part = textPart(json, file);
  config.name = part ? `${part.name} (text)` : given || familyName(config, FAMILIES[kind]);
  return { config: checkConfig(config, file), tied: hf.tie_word_embeddings ?? false };
}

const FAMILIES = { phi3: 'Phi-3 family', phimoe: 'Phi MoE family', llama: 'Llama family' } as const;

function expertsOf(hf: HfConfig, file: string): ExpertsConfig {
  const active = hf.num_experts_per_tok ?? EXPERTS_PER_TOKEN;
  if (active !== EXPERTS_PER_TOKEN)
    throw new PhiError(
      'unsupported-model',
      `${file}: ${active} experts a token (num_experts_per_tok) are not supported; the router of Phi MoE chooses ${EXPERTS_PER_TOKEN}.`,
    );
  return { count: hf.num_local_experts ?? DEFAULT_EXPERTS, jitter: hf.router_jitter_noise };
}

/** A window longer than the context has no effect (Phi-3.5 and Phi-4-mini: 262144 with a context of 131072). */
export function normalWindow(window: number | null | undefined, context: number): number | null {
  return window && window > 0 && window < context ? window : null;
}
