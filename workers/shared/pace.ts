/** Below this time, an estimate would jump. */
const LEAST_MS = 500;

/** Estimates the remaining seconds of some work, from its speed since the first call. */
export class Pace {
  #first: { at: number; done: number } | null = null;

  /** null: not known yet. `now`: ms, for tests. */
  secondsLeft(done: number, total: number, now = performance.now()): number | null {
    this.#first ??= { at: now, done };
    const ms = now - this.#first.at;
    const since = done - this.#first.done;
    return ms < LEAST_MS || since <= 0 ? null : ((total - done) * ms) / since / 1000;
  }
}
