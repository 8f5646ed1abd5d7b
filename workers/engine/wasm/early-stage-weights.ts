/**
 * Weights of a model in stages that is still being downloaded. Each group is kept in the store as soon as it is made, where the stages find it: in
 * memory, all of them would take more than a tab has. What was kept stays when the download is interrupted.
 */
import { span } from '../../shared/span.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import type { EarlyCache } from '../weight-cache.ts';
import { layout, type WeightGroup } from '../weights/plan.ts';
import { makeAsTheyArrive } from './early-weights.ts';
import { stageWeights } from './stage-graph.ts';
import { stageForm, WASM_FORM_VERSION } from './weights.ts';

export class EarlyStageWeights {
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  /** Begins at once. `signal` ends it between two groups. */
  constructor(checkpoint: Checkpoint, cache: EarlyCache, signal: AbortSignal) {
    const either = AbortSignal.any([signal, this.#stop.signal]);
    // The load meets a failure again, and reports it.
    this.#ended = span('early weights', () => make(checkpoint, cache, either)).catch(() => undefined);
  }

  /** Resolves when nothing is made any more: at once, or with the group that is under way. */
  async end(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}

async function make(checkpoint: Checkpoint, cache: EarlyCache, signal: AbortSignal): Promise<void> {
  const groups = stageWeights(checkpoint, 'int8', true);
  if (!(await cache.mayKeep(groups.reduce((sum, group) => sum + layout(group).bytes, 0)))) return;
  const nameOf = ({ location }: WeightGroup): string => stageForm('int8', location);
  const missing: WeightGroup[] = [];
  for (const group of groups) {
    signal.throwIfAborted();
    if (!(await cache.has(nameOf(group), WASM_FORM_VERSION))) missing.push(group);
  }
  const full = new AbortController();
  await makeAsTheyArrive(checkpoint, missing, AbortSignal.any([signal, full.signal]), async (group, bytes) => {
    if (!(await cache.keep(nameOf(group), WASM_FORM_VERSION, bytes))) full.abort();
  });
}
