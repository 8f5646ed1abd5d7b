/**
 * Uniform numbers in [0, 1) from a 32-bit seed (mulberry32). The n-th number depends on the seed and n alone, so a reply is the same
 * however its tokens are grouped into runs.
 */
export function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The numbers of a reply, token by token: they can be looked at before it is known how many tokens use them. */
export class RandomNumbers {
  readonly #draw: () => number;
  /** Numbers that were drawn and are not used yet. */
  #ahead: number[] = [];

  constructor(seed: number) {
    this.#draw = uniforms(seed);
  }

  /** The next `count` numbers. They stay the next ones until they are used. */
  next(count: number): Float32Array {
    while (this.#ahead.length < count) this.#ahead.push(this.#draw());
    return Float32Array.from(this.#ahead.slice(0, count));
  }

  /** `count` tokens have been chosen with the next numbers. */
  use(count: number): void {
    this.next(count);
    this.#ahead = this.#ahead.slice(count);
  }
}
