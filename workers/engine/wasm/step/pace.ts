/** How many threads a step runs on: measured, and measured again while steps go on, because other programs come and go. */

/** Steps that are timed on each number of threads before one is chosen. */
const TRIALS = 3;
/** Every so many steps another number of threads is tried for as many as `TRIALS`, at most this long after. */
const AGAIN_STEPS = 400;
/** A step that takes so many times the usual time is slow; this many in a row start a new measurement. */
const SLOW = 1.5;
const SLOW_STEPS = 6;
/** One number of threads must be this much faster than the present one. */
const BETTER = 0.95;

export class Pace {
  readonly #most: number;
  /** Fastest recent step on each number of threads that is tried, in ms. */
  readonly #best = new Map<number, number>();
  /** Numbers of threads still to be tried, each as often as it stands here. */
  #trials: number[] = [];
  #chosen: number;
  #steps = 0;
  #slow = 0;

  /** @param most threads at most; the choice is between all of them, half of them, and one */
  constructor(most: number) {
    this.#most = most;
    this.#chosen = most;
    this.measure();
  }

  /** Threads for the next step. */
  get threads(): number {
    return this.#trials[0] ?? this.#chosen;
  }

  /** The number that was chosen, whatever is tried at present. */
  get chosen(): number {
    return this.#chosen;
  }

  /** True while numbers of threads are compared. */
  get measuring(): boolean {
    return this.#trials.length > 0;
  }

  /** Compares all numbers of threads again, from the next step on. */
  measure(): void {
    const choices = [...new Set([this.#most, Math.ceil(this.#most / 2), 1])];
    if (choices.length === 1) return;
    this.#best.clear();
    // In turns, so that what slows the machine for a moment slows all of them.
    this.#trials = Array.from({ length: TRIALS }, () => choices).flat();
    this.#steps = this.#slow = 0;
  }

  /** A step on `threads` threads took `ms`. */
  took(threads: number, ms: number): void {
    const best = this.#best.get(threads) ?? Infinity;
    if (this.#trials.length > 0) {
      this.#best.set(threads, Math.min(best, ms));
      this.#trials.shift();
      if (this.#trials.length === 0) this.#choose();
      return;
    }
    this.#slow = ms > SLOW * best ? this.#slow + 1 : 0;
    if (++this.#steps >= AGAIN_STEPS || this.#slow >= SLOW_STEPS) this.measure();
  }

  #choose(): void {
    const present = this.#best.get(this.#chosen) ?? Infinity;
    const [[fastest, ms] = [this.#chosen, present]] = [...this.#best].sort(([, a], [, b]) => a - b);
    if (ms < BETTER * present) this.#chosen = fastest;
  }
}
