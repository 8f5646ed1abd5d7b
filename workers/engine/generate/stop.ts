/** Stop strings in streamed text. */
import { overlap } from '../../shared/thoughts.ts';

/**
 * Passes text on until one of `stops` is complete in it. What could still become one is held back: the longest end of the text so far
 * that begins a stop string. Empty stop strings stop nothing.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';
  #stopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '');
  }

  /** True once a stop string was seen; nothing is passed on from then. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** The part of the text so far that is certain to be shown, as far as it was not given out before. */
  push(text: string): string {
    if (this.#stopped) return '';
    const all = this.#held + text;
    const starts = this.#stops.map((stop) => all.indexOf(stop)).filter((start) => start >= 0);
    if (starts.length > 0) {
      this.#stopped = true;
      this.#held = '';
      return all.slice(0, Math.min(...starts));
    }
    const hold = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)));
    this.#held = all.slice(all.length - hold);
    return all.slice(0, all.length - hold);
  }

  /** Call it at the end of the text. Returns the held-back text, which did not become a stop string. */
  flush(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}
