/**
 * Estimates how fast a model writes on WASM, before it is downloaded. There is no estimate for GPUs, because their
 * speeds differ by a factor of a hundred.
 */
import { wasmBytesPerToken, type ModelShape } from './weights.ts';

/**
 * Bytes of int8 weights that one core gets through in a second. Every token reads all of them, or of experts the two that it goes to, so this is what its time goes by, whatever the model: on two cores of a
 * server the 3.8 GB of a Phi-4-mini gave 1.05 tok/s, which is 4 GB/s (docs/performance.md). The starter's 135 MB have become faster since, and the larger model was
 * not measured again: the estimate is on the careful side.
 */
const BYTES_PER_SECOND = 2.4e9;
/** Two cores did not give twice the speed of one. More cores were not measured. */
const SCALING = 0.75;
const MOST_CORES = 8;

/** Below this, a reply is far slower than a person reads. The page says so before it offers gigabytes. */
export const SLOW_TOKENS_PER_SECOND = 3;

export interface Processor {
  /** `navigator.hardwareConcurrency`. */
  cores: number;
  /** Cross-origin isolated: WASM runs on several threads. */
  isolated: boolean;
}

/** Tokens a second, in decode with a short context, of the int8 form. */
export function wasmTokensPerSecond(shape: ModelShape, { cores, isolated }: Processor): number {
  const threads = isolated ? Math.min(Math.max(cores, 1), MOST_CORES) : 1;
  return (BYTES_PER_SECOND * threads ** SCALING) / wasmBytesPerToken(shape, 'int8');
}
