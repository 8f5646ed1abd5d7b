/** How many threads a step runs on: measured while steps go on, and measured again, because other programs come and go. */

/** Steps that are timed on each number of threads before one is chosen. */
const TRIALS = 3;
/** A number of threads whose first step takes so many times that of the fastest is not tried again: on 15 threads a step of one would cost as much as ten. */
const HOPELESS = 1.5;
/** Steps until the next measurement. The first ones belong to the load, which is not to wait for one; then four times as many after each, up to the last. */
const FIRST_AGAIN = 8;
const LAST_AGAIN = 400;
/** A step that takes so many times the usual time is slow; this many in a row start a new measurement, but not sooner than this after the last. */
const SLOW = 1.5;
const SLOW_STEPS = 6;
const CALM_STEPS = 24;
/** Another number of threads must be this much faster than the present one. */
const BETTER = 0.95;

export class Pace {
  /** Numbers of threads to choose from. */
  readonly #choices: readonly number[];
  /** Fastest recent step on each number of threads, in ms. */
  readonly #best = new Map<number, number>();
  /** Numbers of threads still to be tried in this round. */
  #trials: number[] = [];
  #rounds = 0;
  #chosen: number;
  #again = FIRST_AGAIN;
  #steps = 0;
  #slow = 0;

  /** @param most threads at most; the choice is between all of them, half of them, and one */
  constructor(most: number) {
    this.#choices = [...new Set([most, Math.ceil(most / 2), 1])];
    this.#chosen = most;
  }

  /** Threads for the next step. */
  get threads(): number {
    return this.#trials[0] ?? this.#chosen;
  }

  /** True while numbers of threads are compared. */
  get measuring(): boolean {
    return this.#trials.length > 0;
  }

  /** A step on `threads` threads took `ms`. */
  took(threads: number, ms: number): void {
    const best = this.#best.get(threads) ?? Infinity;
    if (this.measuring) {
      this.#best.set(threads, Math.min(best, ms));
      this.#trials.shift();
      if (!this.measuring) this.#nextRound();
      return;
    }
    this.#steps++;
    this.#slow = ms > SLOW * best ? this.#slow + 1 : 0;
    if (this.#steps >= this.#again || (this.#slow >= SLOW_STEPS && this.#steps >= CALM_STEPS)) this.#measure();
  }

  #measure(): void {
    this.#steps = this.#slow = 0;
    if (this.#choices.length === 1) return;
    this.#best.clear();
    this.#rounds = TRIALS;
    this.#again = Math.min(LAST_AGAIN, 4 * this.#again);
    // In turns, so that what slows the machine for a moment slows all of them.
    this.#trials = [...this.#choices];
  }

  #nextRound(): void {
    const fastest = Math.min(...this.#best.values());
    const hopeful = this.#choices.filter((threads) => this.#best.get(threads)! <= HOPELESS * fastest);
    if (--this.#rounds > 0 && hopeful.length > 1) this.#trials = hopeful;
    else this.#choose(fastest);
  }

  #choose(fastest: number): void {
    if (fastest < BETTER * this.#best.get(this.#chosen)!)
      this.#chosen = this.#choices.find((threads) => this.#best.get(threads) === fastest)!;
  }
}
