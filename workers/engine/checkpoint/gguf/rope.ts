/** How a GGUF says that positions are stretched: LongRoPE's two tensors, Llama 3's one, or a linear factor; all as factors per frequency. */
import { PhiError } from '../../../shared/errors.ts';
import { Keys, type Metadata } from './metadata.ts';
import { longRopeFactor } from '../hf-config.ts';
import type { PhiConfig, RopeScaling } from '../types.ts';

/** Factors from the tensors. Llama 3 has one set, so `long === short`. */
export interface RopeFactors {
  long: Float32Array;
  short: Float32Array;
}

/** `originalContext` of sets that never switch is the whole context. Throws `unsupported-model` for YaRN and unknown kinds. */
export function readRopeScaling(
  file: string,
  metadata: Metadata,
  config: PhiConfig,
  architecture: string,
  factors: RopeFactors | null,
): { scaling: RopeScaling | null; notes: string[] } {
  const keys = new Keys(file, metadata, `${architecture}.rope.`);
  const type = keys.text('scaling.type') ?? 'linear'; // llama.cpp's default
  if (!['none', 'linear', 'longrope'].includes(type)) {
    throw new PhiError(
      'unsupported-model',
      `${file}: the model extends its context with "${type}", which is not supported. LongRoPE, linear scaling and plain rotary are supported.`,
    );
  }
  if (factors && factors.long !== factors.short) return readLongRope(keys, config, factors);
  if (type === 'longrope')
    throw keys.damaged(
      'scaling.type',
      'LongRoPE, but the tensors "rope_factors_long" and "rope_factors_short" are missing',
    );
  const stretch = type === 'linear' ? (keys.positive('scaling.factor') ?? keys.positive('scale_linear') ?? 1) : 1;
  const attentionFactor = keys.positive('scaling.attn_factor') ?? 1;
  if (!factors && stretch === 1 && attentionFactor === 1) return { scaling: null, notes: [] };
  const plain = factors?.short ?? new Float32Array(config.rotaryDim / 2).fill(1);
  const set = plain.map((factor) => factor * stretch);
  return { scaling: { long: set, short: set, attentionFactor, originalContext: config.context }, notes: [] };
}

function readLongRope(keys: Keys, config: PhiConfig, factors: RopeFactors): { scaling: RopeScaling; notes: string[] } {
  const original = keys.whole('scaling.original_context_length');
  const originalContext = original ?? config.context;
  const attentionFactor =
    keys.positive('scaling.attn_factor') ?? longRopeFactor(config.context / originalContext, originalContext);
  const notes =
    original === null
      ? ['The file does not say where LongRoPE switches to the long factors, so the short factors are used throughout.']
      : [];
  return { scaling: { ...factors, attentionFactor, originalContext }, notes };
}
