/** How keys and values lie in the caches of each dialect. */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { FloatType } from '../weights/half.ts';

/**
 * How the graph is spelled: `litert` for XNNPACK on the CPU, `npu` for Intel's and Qualcomm's NPUs (docs/npu.md says what each wants).
 * The network is the same.
 */
export type WebnnDialect = 'litert' | 'npu';

export interface CacheLayout {
  dtype: FloatType;
  /** Settled cache of one layer. */
  key: number[];
  value: number[];
  /** Recent cache of all layers, or a run's own keys and values. */
  recentKey: number[];
  recentValue: number[];
}

/**
 * LiteRT: values are cached in panels of this many dimensions, `[kvHeads, headDim / panel, slots, panel]`: XNNPACK repacks the right side of every
 * matmul, and does so along memory only when it is as narrow as its kernel (7.7 against 9.5 ms a token for attention over 1,024 slots).
 */
export function valuePanel(headDim: number): number {
  return headDim % 16 === 0 ? 16 : headDim;
}

/**
 * NPU: float16, which is what they compute in, and values transposed, `[kvHeads, headDim, slots]`, as their matrix units read the right
 * side: on Panther Lake a token's attention over 1,024 slots is estimated at 0.065 ms with it and 0.120 ms without. Panels do not compile
 * on Meteor Lake at all.
 */
export function cacheLayout(
  config: Pick<PhiConfig, 'layers' | 'kvHeads' | 'headDim'>,
  slots: number,
  recent: number,
  dialect: WebnnDialect,
): CacheLayout {
  const { layers, kvHeads, headDim } = config;
  const key = [kvHeads, slots, headDim];
  const recentKey = [layers, kvHeads, recent, headDim];
  if (dialect === 'npu')
    return {
      dtype: 'float16',
      key,
      value: [kvHeads, headDim, slots],
      recentKey,
      recentValue: [layers, kvHeads, headDim, recent],
    };
  const panel = valuePanel(headDim);
  return {
    dtype: 'float32',
    key,
    value: [kvHeads, headDim / panel, slots, panel],
    recentKey,
    recentValue: recentKey,
  };
}

/**
 * Added to the score of a key that must not be seen. Finite, so that a row that sees nothing gives no NaN; where scores are float16 it
 * must leave room for the score itself (float16 ends at 65,504).
 */
export const HIDDEN_SCORE: Readonly<Record<WebnnDialect, number>> = { litert: -1e30, npu: -3e4 };
