/** What a helper is told, and says. */
import type { StepPlan } from './plan.ts';

/** Sent by a helper once it has its setup. */
export const READY = 'step thread ready';

export interface HelperSetup {
  module: WebAssembly.Module;
  arena: WebAssembly.Memory;
  weights: WebAssembly.Memory;
  plan: StepPlan;
  index: number;
}
