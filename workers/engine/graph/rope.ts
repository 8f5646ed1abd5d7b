/** Rotary position embedding tables, plain and LongRoPE (transformers `modeling_rope_utils`). */
import type { PhiConfig } from '../checkpoint/types.ts';

export type RopeSet = 'short' | 'long';

/** The factor set for a sequence that will reach `length` positions: one set holds for all of its tokens. */
export function ropeSetFor(config: PhiConfig, length: number): RopeSet {
  return config.ropeScaling && length > config.ropeScaling.originalContext ? 'long' : 'short';
}

/** Factor of cos and sin. */
export function attentionFactor({ ropeScaling: scaling }: PhiConfig, set: RopeSet): number {
  if (!scaling) return 1;
  return set === 'long' ? (scaling.longAttentionFactor ?? scaling.attentionFactor) : scaling.attentionFactor;
}

/** cos and sin of positions `[start, start + count)`, each `[count, rotaryDim / 2]`, attention factor included. */
export function ropeTable(
  config: PhiConfig,
  set: RopeSet,
  start: number,
  count: number,
): { cos: Float32Array; sin: Float32Array } {
  const half = config.rotaryDim / 2;
  const scaling = config.ropeScaling;
  const factors = scaling ? scaling[set] : null;
  const attention = attentionFactor(config, set);
  const cos = new Float32Array(count * half);
  const sin = new Float32Array(count * half);
  for (let i = 0; i < half; i++) {
    const frequency = 1 / ((factors ? factors[i]! : 1) * config.ropeTheta ** ((2 * i) / config.rotaryDim));
    for (let p = 0; p < count; p++) {
      const angle = (start + p) * Math.fround(frequency); // float32 frequencies, as every reference has them
      cos[p * half + i] = Math.cos(angle) * attention;
      sin[p * half + i] = Math.sin(angle) * attention;
    }
  }
  return { cos, sin };
}
