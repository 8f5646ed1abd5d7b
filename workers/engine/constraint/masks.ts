/** Which tokens may follow in a state, as bits. */
import { FIRST_TOKEN } from './program.ts';
import type { Automaton, State } from './automaton.ts';
import { longestToken, type Trie } from './trie.ts';
import { SHORT, PLAIN_STATES, plainStep, type Vocabulary } from './vocabulary.ts';

interface Mask {
  bits: Uint32Array;
  /** The longest way to the end that any of its tokens leads to, in symbols. */
  worst: number;
}

/** What plain characters may follow: all, none, or it depends on them. */
type PlainNext = 'all' | 'none' | 'some';
/** A plain character, for places where one stands for all. */
const PLAIN = 0x61;

/** States that are looked at to see whether all plain text may follow. */
const MOST_COVER = 600;
/** Masks kept of each kind. One of 200,000 tokens has 25 KB. */
const MOST_MASKS = 200;

export class Masks {
  readonly #automaton: Automaton;
  readonly #vocabulary: Vocabulary;
  /** Ids of the automaton's control tokens; -1: the vocabulary has none of that name. */
  readonly #tokenIds: readonly number[];
  readonly #kept = new Map<State, Mask>();
  /** Of short tokens, by stand-in. */
  readonly #short = new Map<State, Mask>();
  readonly #needs = new WeakMap<State, number>();
  /** By state of plain text: a class of symbols and the state behind it, each pair once. */
  readonly #plainMoves: readonly (readonly (readonly [kind: number, to: number])[])[];
  readonly #plainTargets = new Map<number, number | null>();
  readonly #path: (State | null)[] = [];

  constructor(automaton: Automaton, vocabulary: Vocabulary) {
    this.#automaton = automaton;
    this.#vocabulary = vocabulary;
    this.#tokenIds = automaton.program.tokens.map((text) => vocabulary.tokenizer.tokenId(text) ?? -1);
    this.#plainMoves = Array.from({ length: PLAIN_STATES }, (_, state) => {
      const moves = new Map<number, readonly [number, number]>();
      for (let byte = 0; byte < 256; byte++) {
        const to = plainStep(state, byte);
        const kind = automaton.classOf[byte]!;
        if (to >= 0) moves.set(kind * PLAIN_STATES + to, [kind, to]);
      }
      return [...moves.values()];
    });
  }

  /** Bits of the tokens that may follow, when the reply has `left` tokens left: each leaves enough of them to come to an end. */
  of(state: State, left: number): Uint32Array {
    const mask = keep(this.#kept, state, () => this.#whole(state));
    // A way of n bytes takes n tokens at most, and one more to end the reply.
    return mask.worst + 2 <= left ? mask.bits : this.#near(state, left);
  }

  /** Tokens that bring the text from here to an end, the reply's last one included. */
  needs(state: State): number {
    const known = this.#needs.get(state);
    if (known !== undefined) return known;
    const states: State[] = [state];
    const symbols: number[] = [];
    for (let at = state; at.least > 0;) {
      const symbol = this.#automaton.shortestSymbol(at);
      symbols.push(symbol);
      states.push((at = this.#automaton.step(at, symbol)!));
    }
    const bytes = Uint8Array.from(symbols, (symbol) => Math.min(symbol, 255));
    let tokens = 1;
    for (let i = 0; i < symbols.length; tokens++)
      i += symbols[i]! >= FIRST_TOKEN ? 1 : this.#longest(bytes, symbols, i);
    this.#needs.set(state, tokens);
    return tokens;
  }

  /** Bytes of the longest token at `from`; one where there is none, so that a hole in a vocabulary does not end the count. */
  #longest(bytes: Uint8Array, symbols: readonly number[], from: number): number {
    const end = symbols.findIndex((symbol, i) => i > from && symbol >= FIRST_TOKEN);
    return longestToken(this.#vocabulary.all, end < 0 ? bytes : bytes.subarray(0, end), from)?.length ?? 1;
  }

  #whole(state: State): Mask {
    const standIn = this.#automaton.standIn(state);
    const { bits, worst } = keep(this.#short, standIn, () => this.#shortTokens(standIn, Infinity));
    const mask = { bits: bits.slice(), worst };
    this.#walk(this.#vocabulary.long, state, Infinity, mask);
    return mask;
  }

  /** Near the limit, where it depends on each token. */
  #near(state: State, left: number): Uint32Array {
    const mask = this.#shortTokens(state, left);
    this.#walk(this.#vocabulary.long, state, left, mask);
    return mask.bits;
  }

  #shortTokens(state: State, left: number): Mask {
    const { words, plain, plainUpTo, rest, ends } = this.#vocabulary;
    const mask: Mask = { bits: new Uint32Array(words), worst: 0 };
    const cover = this.#plainCover(state);
    if (cover.worst + 2 <= left) {
      mask.bits.set(plainUpTo[Math.min(cover.characters, SHORT + 1)]!);
      mask.worst = cover.worst;
      if (!cover.closed)
        for (const { length, trie } of plain) if (length > cover.characters) this.#walk(trie, state, left, mask);
    } else for (const { trie } of plain) this.#walk(trie, state, left, mask);
    this.#walk(rest, state, left, mask);
    this.#tokenIds.forEach((id, i) => {
      const next = id < 0 ? null : this.#automaton.step(state, FIRST_TOKEN + i);
      if (next) this.#allow(mask, id, next, left);
    });
    if (state.accepting) for (const id of ends) set(mask.bits, id);
    return mask;
  }

  #allow(mask: Mask, id: number, next: State, left: number): void {
    if (next.least + 2 > left && this.needs(next) > left - 1) return;
    set(mask.bits, id);
    if (next.least > mask.worst) mask.worst = next.least;
  }

  #walk(trie: Trie, from: State, left: number, mask: Mask): void {
    const { nodes, byte, depth, end, first, ids } = trie;
    const { classOf } = this.#automaton;
    const path = this.#path;
    path[0] = from;
    for (let node = 0; node < nodes;) {
      const kind = classOf[byte[node]!]!;
      const state = path[depth[node]! - 1]!;
      let next = state.row[kind];
      if (next === undefined) next = this.#automaton.stepClass(state, kind);
      if (next === null) {
        node = end[node]!;
        continue;
      }
      path[depth[node]!] = next;
      for (let i = first[node]!; i < first[node + 1]!; i++) this.#allow(mask, ids[i]!, next, left);
      node++;
    }
  }

  /**
   * How many plain characters can follow whatever they are (up to `SHORT`; Infinity: any number), the longest way to the end behind any
   * of them, and whether no plain character can follow behind those.
   */
  #plainCover(start: State): { characters: number; worst: number; closed: boolean } {
    const seen = new Set<State>([start]);
    let layer: Set<State> = new Set([start]);
    let worst = 0;
    let characters = 0;
    for (; characters < SHORT && seen.size < MOST_COVER; characters++) {
      const next = new Set<State>();
      const follow = new Set([...layer].map((state) => this.#plainNext(state, next)));
      if (follow.size > 1 || !follow.has('all'))
        return { characters, worst, closed: follow.size === 1 && follow.has('none') };
      layer = new Set();
      for (const state of next) {
        worst = Math.max(worst, state.least);
        if (seen.has(state)) continue;
        seen.add(state);
        layer.add(state);
      }
      if (layer.size === 0) return { characters: Infinity, worst, closed: false }; // the same states for ever
    }
    return { characters, worst, closed: false };
  }

  /** Adds the states behind every plain character, unless only some plain characters can follow. */
  #plainNext(state: State, found: Set<State>): PlainNext {
    if (state.ways.every(({ node }) => this.#plainTarget(node) !== null)) {
      const behind = this.#automaton.step(state, PLAIN);
      if (behind) found.add(behind);
      return behind ? 'all' : 'none';
    }
    const work: (readonly [State, number])[] = [[state, 0]];
    const done = new Map<State, number>(); // bits of the states of plain text in which it was met
    for (let next = work.pop(); next; next = work.pop()) {
      const [at, plain] = next;
      for (const [kind, to] of this.#plainMoves[plain]!) {
        const behind = at.row[kind] === undefined ? this.#automaton.stepClass(at, kind) : at.row[kind];
        if (!behind) return 'some';
        if (to === 0) found.add(behind);
        else if (!((done.get(behind) ?? 0) & (1 << to))) {
          done.set(behind, (done.get(behind) ?? 0) | (1 << to));
          work.push([behind, to]);
        }
      }
    }
    return 'all';
  }

  /**
   * The node to which every plain character leads from a node that reads; -1: it reads none; null: it depends on the character. So in a
   * counted text one state stands for all characters of a length, and the states inside of characters need not be made.
   */
  #plainTarget(from: number): number | null {
    const known = this.#plainTargets.get(from);
    if (known !== undefined) return known;
    const target = this.#findPlainTarget(from);
    this.#plainTargets.set(from, target);
    return target;
  }

  #findPlainTarget(from: number): number | null {
    const { nodes } = this.#automaton.program;
    const targets = new Set<number>();
    const work: (readonly [number, number])[] = [[from, 0]];
    for (let next = work.pop(); next; next = work.pop()) {
      const [at, plain] = next;
      if (nodes[at]!.op !== 'read') return null;
      for (const [kind, to] of this.#plainMoves[plain]!) {
        const behind = this.#automaton.reads(at)[kind]!;
        // Inside of a character each byte must be read, and nothing may be read in two ways.
        if (behind.length > 1 || (behind.length === 0 && plain !== 0)) return null;
        if (to === 0 || behind.length === 0) targets.add(behind[0] ?? -1);
        else work.push([behind[0]!, to]);
      }
      if (targets.size > 1) return null;
    }
    return [...targets][0] ?? -1;
  }
}

/** What is kept for a state, made where it is not there. */
function keep(kept: Map<State, Mask>, state: State, make: () => Mask): Mask {
  const known = kept.get(state);
  if (known) return known;
  if (kept.size >= MOST_MASKS) kept.clear();
  const made = make();
  kept.set(state, made);
  return made;
}

function set(bits: Uint32Array, id: number): void {
  bits[id >> 5]! |= 1 << (id & 31);
}

export const hasBit = (bits: Uint32Array, id: number): boolean => ((bits[id >> 5]! >>> (id & 31)) & 1) === 1;
