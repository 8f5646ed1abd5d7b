/** Values that chunks, steps of the loop and stages have in common. */
import type { Value } from '../graph/onnx.ts';

/** Inputs of a step besides weights and tokens. */
export interface StepInputs {
  past: Value; // int64 scalar: valid slots of the cache
  cos: Value; // float32 [positions, rotaryDim / 2], from position `past` on
  sin: Value;
  keys: Value[]; // [kvHeads, 1, headDim, slots]
  values: Value[]; // [kvHeads, 1, slots, headDim]
}

/** Keys and values that this run added, laid out as the cache. */
export interface Added {
  keys: Value[];
  values: Value[];
}
