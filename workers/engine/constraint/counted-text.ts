/** A text with a bounded number of characters: which states of its automaton still lead to an end in time, and how soon. */
import type { Dfa } from './dfa.ts';
import { refuse } from './refusal.ts';
import { jsonRanges, utf8Ranges } from './utf8.ts';

const NEVER = 1e9;
/** Counts times states. */
const MOST_CELLS = 4_000_000;

/** A character is complete and leads to a state, or goes on: from, to, next node, and again. */
export type Inside = { state: number } | { edges: readonly number[] };

export class CountedText {
  readonly min: number;
  readonly max: number;
  readonly dfa: Dfa;
  /** Most bytes that the nearest end is away, where the fewest characters are there and the most are not near. */
  readonly farthest: number;
  /** Counts that are told apart: beyond the fewest of an unbounded text all are alike. */
  readonly #counts: number;
  /** `[counts + 1, states]`: fewest bytes to the end. */
  readonly #least: Int32Array;
  /** Set once its nodes are made: the node of each state, and what a node inside of a character is. */
  nodes: { states: readonly number[]; inside: (node: number) => Inside } = {
    states: [],
    inside: () => ({ edges: [] }),
  };
  readonly #ends = new Map<number, readonly (readonly [state: number, bytes: number])[]>();

  constructor(dfa: Dfa, min: number, max: number, form: 'json' | 'raw') {
    this.dfa = dfa;
    this.min = min;
    this.max = max;
    this.#counts = max === Infinity ? min : max;
    const states = dfa.accepting.length;
    if ((this.#counts + 1) * states > MOST_CELLS)
      throw refuse(`a pattern with ${states} states and a length of ${this.#counts} is too large. Reduce one of them.`);
    const ranges = form === 'json' ? jsonRanges : utf8Ranges;
    const costs = dfa.edges.map((edges) =>
      edges.map(
        ([from, to, state]) =>
          [state, Math.min(...ranges(from, Math.min(to, from + 0x80)).map((bytes) => bytes.length))] as const,
      ),
    );
    this.#least = new Int32Array((this.#counts + 1) * states).fill(NEVER);
    for (let count = this.#counts; count >= 0; count--) this.#fill(count, costs);
    const open = this.#least.subarray(min * states, (min + 1) * states);
    this.farthest = open.reduce((most, bytes) => (bytes < NEVER ? Math.max(most, bytes) : most), 0);
  }

  #fill(count: number, costs: readonly (readonly (readonly [number, number])[])[]): void {
    const states = costs.length;
    const loops = count === this.#counts && this.max === Infinity;
    const behind = loops ? count : count + 1;
    for (let changed = true; changed;) {
      changed = false;
      costs.forEach((edges, state) => {
        let best = this.dfa.accepting[state] && count >= this.min ? 0 : NEVER;
        if (behind <= this.#counts)
          for (const [to, cost] of edges) best = Math.min(best, cost + this.#least[behind * states + to]!);
        const at = count * states + state;
        if (best < this.#least[at]!) {
          this.#least[at] = best;
          changed = loops;
        }
      });
    }
  }

  /** The count behind one more character. */
  next(count: number): number {
    return this.max === Infinity ? Math.min(count + 1, this.min) : count + 1;
  }

  /** Fewest bytes to the end of the text, after `count` characters in `state`. */
  least(state: number, count: number): number {
    return count > this.#counts ? NEVER : this.#least[count * this.dfa.accepting.length + state]!;
  }

  /** The same from a node inside of a character. */
  leastInside(node: number, count: number): number {
    const next = this.next(count);
    return this.#endsOf(node).reduce((best, [state, bytes]) => Math.min(best, bytes + this.least(state, next)), NEVER);
  }

  /** The states that a character which is begun at `node` may lead to, and in how many bytes at least. */
  #endsOf(node: number): readonly (readonly [number, number])[] {
    const known = this.#ends.get(node);
    if (known) return known;
    const found = new Map<number, number>();
    const at = this.nodes.inside(node);
    const add = (state: number, bytes: number) => found.set(state, Math.min(bytes, found.get(state) ?? NEVER));
    if ('state' in at) add(at.state, 0);
    else
      for (let i = 2; i < at.edges.length; i += 3)
        for (const [state, bytes] of this.#endsOf(at.edges[i]!)) add(state, bytes + 1);
    const ends = [...found];
    this.#ends.set(node, ends);
    return ends;
  }
}
