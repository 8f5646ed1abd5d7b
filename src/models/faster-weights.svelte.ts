import { PhiError } from '../../workers/shared/errors.ts';
import type { Progress } from '../../workers/shared/protocol.ts';
import type { Engine } from '../engine/engine.ts';

/** Weights in a format that this device is faster with, made in a worker of their own while the model answers. They outlive the screen that asked. */
export class FasterWeights {
  readonly #engine: Engine;
  #making = $state.raw<{ model: string; progress: Progress | null } | null>(null);
  /** Models whose weights were made in this visit: their next load takes them. */
  #made = $state.raw<readonly string[]>([]);
  #job: AbortController | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The model whose weights are being made. */
  get making(): { model: string; progress: Progress | null } | null {
    return this.#making;
  }

  isMade(model: string): boolean {
    return this.#made.includes(model);
  }

  /** False: there is no room to keep them. Null: it was cancelled. One model at a time. */
  async make(model: string): Promise<boolean | null> {
    if (this.#job) return null;
    const job = new AbortController();
    this.#job = job;
    this.#making = { model, progress: null };
    try {
      const onProgress = (progress: Progress) => (this.#making = { model, progress });
      const kept = await this.#engine.makeWeights(model, { signal: job.signal, onProgress });
      if (kept) this.#made = [...this.#made, model];
      return kept;
    } catch (cause) {
      const error = PhiError.from(cause);
      if (error.code === 'cancelled') return null;
      throw error;
    } finally {
      this.#job = null;
      this.#making = null;
    }
  }

  cancel(): void {
    this.#job?.abort();
  }
}
