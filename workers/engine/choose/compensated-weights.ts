/** Compensated 4-bit weights for NPUs in the weight cache. What makes them is loaded when it is needed (calibrate.ts). */
import type { OpenWeightCache, WeightCache } from '../runtime/ort.ts';
import { WEBNN_FORM_VERSION, webnnCacheName } from '../webnn/cache-name.ts';
import { COMPENSATED_FORM } from './npu-forms.ts';

export const compensatedIn = (weightCache: OpenWeightCache): WeightCache =>
  weightCache(webnnCacheName('npu', COMPENSATED_FORM, true), WEBNN_FORM_VERSION);

/** True if `makeCompensated` has kept its weights here. */
export const hasCompensated = (weightCache: OpenWeightCache | undefined): Promise<boolean> =>
  weightCache ? compensatedIn(weightCache).exists() : Promise.resolve(false);
