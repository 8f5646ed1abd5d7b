/** Below this time an estimate would jump about. */
const LEAST_MS = 500;

/** Seconds that are left of a piece of work, from the pace since it was first looked at. */
export class Pace {
  #first: { at: number; done: number } | null = null;

  /** null: it cannot be told yet. `now`: ms, for tests. */
  secondsLeft(done: number, total: number, now = performance.now()): number | null {
    this.#first ??= { at: now, done };
    const ms = now - this.#first.at;
    const since = done - this.#first.done;
    return ms < LEAST_MS || since <= 0 ? null : ((total - done) * ms) / since / 1000;
  }
}
