/** Deterministic automata over code points, for patterns, formats and numbers, and their intersections. */
import { refuse } from './refusal.ts';

/** Inclusive ranges of code points, or of bytes. */
export type Ranges = readonly (readonly [from: number, to: number])[];

/** State 0 begins. `edges`: `[from, to, state]`, disjoint and ascending; no edge is the end of it. */
export interface Dfa {
  accepting: readonly boolean[];
  edges: readonly (readonly Edge[])[];
}
type Edge = readonly [from: number, to: number, state: number];

export type Regex =
  | { kind: 'set'; ranges: Ranges }
  | { kind: 'sequence'; items: readonly Regex[] }
  | { kind: 'choice'; items: readonly Regex[] }
  | { kind: 'repeat'; body: Regex; min: number; max: number };

/** Every character. Halves of surrogate pairs do not count. */
export const ANY: Ranges = [
  [0, 0xd7ff],
  [0xe000, 0x10ffff],
];
const MOST_NFA_STATES = 20_000;
const MOST_STATES = 8_000;
/** Steps of all subset constructions of one automaton. */
const MOST_WORK = 4_000_000;

export const ANY_TEXT: Dfa = { accepting: [true], edges: [ANY.map(([from, to]) => [from, to, 0] as const)] };

/** The ranges in order, joined where they touch, without surrogates. */
export function tidy(ranges: Ranges): Ranges {
  const cut = ranges.flatMap(([from, to]) =>
    ANY.map(([low, high]) => [Math.max(from, low), Math.min(to, high)] as const).filter(([a, b]) => a <= b),
  );
  const sorted = [...cut].sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = joined.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

/** Every character that is not in `ranges`. */
export function invert(ranges: Ranges): Ranges {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [from, to] of tidy(ranges)) {
    if (from > next) gaps.push([next, from - 1]);
    next = to + 1;
  }
  gaps.push([next, 0x10ffff]);
  return tidy(gaps);
}

/** Thompson's automaton with empty moves. */
class Nfa {
  readonly moves: number[][] = [];
  readonly edges: [Ranges, number][][] = [];

  state(): number {
    if (this.moves.length >= MOST_NFA_STATES)
      throw refuse(`a pattern is too large: it has more than ${MOST_NFA_STATES} places. Use fewer repetitions in it.`);
    this.edges.push([]);
    return this.moves.push([]) - 1;
  }

  /** Adds `regex` between `from` and a new state, which it returns. */
  add(regex: Regex, from: number): number {
    switch (regex.kind) {
      case 'set': {
        const to = this.state();
        this.edges[from]!.push([regex.ranges, to]);
        return to;
      }
      case 'sequence':
        return regex.items.reduce((at, item) => this.add(item, at), from);
      case 'choice': {
        const end = this.state();
        for (const item of regex.items) this.moves[this.add(item, from)]!.push(end);
        return end;
      }
      case 'repeat':
        return this.#repeat(regex, from);
    }
  }

  #repeat({ body, min, max }: Extract<Regex, { kind: 'repeat' }>, from: number): number {
    let at = from;
    for (let i = 0; i < min; i++) at = this.add(body, at);
    const end = this.state();
    this.moves[at]!.push(end);
    if (max === Infinity) {
      const begin = this.state();
      this.moves[at]!.push(begin);
      const again = this.add(body, begin);
      this.moves[again]!.push(begin, end);
      return end;
    }
    for (let i = min; i < max; i++) {
      // A state of its own: an optional part must not lead back into a choice that ended here.
      at = this.add(body, at);
      this.moves[at]!.push(end);
    }
    return end;
  }
}

/** The automaton of a pattern that the whole text must match. */
export function toDfa(regex: Regex): Dfa {
  const nfa = new Nfa();
  const begin = nfa.state();
  const end = nfa.add(regex, begin);
  let work = 0;
  const close = (states: Iterable<number>): number[] => {
    const seen = new Set(states);
    for (const state of seen) {
      for (const to of nfa.moves[state]!) seen.add(to);
      if (++work > MOST_WORK) throw refuse('a pattern is too ambiguous. Write it with fewer alternatives.');
    }
    return [...seen].filter((state) => state === end || nfa.edges[state]!.length > 0).sort((a, b) => a - b);
  };
  const sets = new Map<string, number>();
  const list: number[][] = [];
  const place = (states: number[]): number => {
    const key = states.join();
    let at = sets.get(key);
    if (at === undefined) {
      at = list.push(states) - 1;
      if (at >= MOST_STATES) throw tooLarge();
      sets.set(key, at);
    }
    return at;
  };
  place(close([begin]));
  const edges: Edge[][] = [];
  for (let i = 0; i < list.length; i++) {
    const out = list[i]!.flatMap((state) => nfa.edges[state]!);
    edges.push(joinEdges(cutAt(out).map(([from, to, targets]) => [from, to, place(close(targets))])));
    work += out.length;
  }
  return trim({ accepting: list.map((states) => states.includes(end)), edges });
}

const tooLarge = () =>
  refuse(`a pattern needs more than ${MOST_STATES} states. Use fewer repetitions in it, or limit its length instead.`);

/** Ranges that overlap, cut where one begins or ends: each piece with all targets that it has. */
function cutAt(out: readonly (readonly [Ranges, number])[]): [number, number, number[]][] {
  const flat = out.flatMap(([ranges, to]) => ranges.map(([from, end]) => ({ from, end, to })));
  const cuts = [...new Set(flat.flatMap(({ from, end }) => [from, end + 1]))].sort((a, b) => a - b);
  const opens = new Map<number, number[]>();
  const closes = new Map<number, number[]>();
  const put = (map: Map<number, number[]>, at: number, to: number) => {
    const known = map.get(at);
    if (known) known.push(to);
    else map.set(at, [to]);
  };
  for (const { from, end, to } of flat) {
    put(opens, from, to);
    put(closes, end + 1, to);
  }
  const active = new Map<number, number>();
  const pieces: [number, number, number[]][] = [];
  cuts.forEach((cut, i) => {
    for (const to of closes.get(cut) ?? []) {
      const left = active.get(to)! - 1;
      if (left === 0) active.delete(to);
      else active.set(to, left);
    }
    for (const to of opens.get(cut) ?? []) active.set(to, (active.get(to) ?? 0) + 1);
    if (active.size > 0) pieces.push([cut, cuts[i + 1]! - 1, [...active.keys()]]);
  });
  return pieces;
}

function joinEdges(edges: readonly Edge[]): Edge[] {
  const joined: [number, number, number][] = [];
  for (const [from, to, state] of edges) {
    const last = joined.at(-1);
    if (last && last[2] === state && last[1] + 1 === from) last[1] = to;
    else joined.push([from, to, state]);
  }
  return joined;
}

/** Without states from which no accepting one is reached. The first state stays. */
function trim({ accepting, edges }: Dfa): Dfa {
  const before: number[][] = accepting.map(() => []);
  edges.forEach((out, state) => out.forEach(([, , to]) => before[to]!.push(state)));
  const alive = new Set(accepting.flatMap((yes, state) => (yes ? [state] : [])));
  for (const state of alive) for (const from of before[state]!) alive.add(from);
  const kept = [0, ...[...alive].filter((state) => state !== 0).sort((a, b) => a - b)];
  const place = new Map(kept.map((state, i) => [state, i]));
  return {
    accepting: kept.map((state) => accepting[state]!),
    edges: kept.map((state) =>
      edges[state]!.flatMap(([from, to, target]) =>
        alive.has(target) ? [[from, to, place.get(target)!] as const] : [],
      ),
    ),
  };
}

/** The texts that both accept. */
export function intersect(a: Dfa, b: Dfa): Dfa {
  if (a === ANY_TEXT) return b;
  if (b === ANY_TEXT) return a;
  const places = new Map<number, number>();
  const list: [number, number][] = [];
  const place = (x: number, y: number): number => {
    const key = x * b.accepting.length + y;
    let at = places.get(key);
    if (at === undefined) {
      at = list.push([x, y]) - 1;
      if (at >= MOST_STATES) throw tooLarge();
      places.set(key, at);
    }
    return at;
  };
  place(0, 0);
  const edges: Edge[][] = [];
  for (let i = 0; i < list.length; i++) {
    const [x, y] = list[i]!;
    const right = b.edges[y]!;
    const out: Edge[] = [];
    let j = 0;
    for (const [from, to, target] of a.edges[x]!) {
      while (j < right.length && right[j]![1] < from) j++;
      for (let k = j; k < right.length && right[k]![0] <= to; k++) {
        const [low, high, other] = right[k]!;
        out.push([Math.max(from, low), Math.min(to, high), place(target, other)]);
      }
    }
    edges.push(joinEdges(out));
  }
  return trim({ accepting: list.map(([x, y]) => a.accepting[x]! && b.accepting[y]!), edges });
}

/** The texts that it does not accept. */
export function complement({ accepting, edges }: Dfa): Dfa {
  const rest = accepting.length;
  const all = [...edges, ANY_TEXT.edges[0]!.map(([from, to]) => [from, to, rest] as const)];
  return trim({
    accepting: [...accepting.map((yes) => !yes), true],
    edges: all.map((out, state) => {
      if (state === rest) return out;
      const gaps = invert(out.map(([from, to]) => [from, to]));
      const missing = gaps.map(([from, to]) => [from, to, rest] as const);
      return joinEdges([...out, ...missing].sort((a, b) => a[0] - b[0]));
    }),
  });
}

/** Exactly these texts. */
export function wordsDfa(words: readonly string[]): Dfa {
  return toDfa({
    kind: 'choice',
    items: words.map((word) => ({
      kind: 'sequence',
      items: Array.from(word, (character) => {
        const code = character.codePointAt(0)!;
        return { kind: 'set', ranges: [[code, code]] };
      }),
    })),
  });
}

export function accepts({ accepting, edges }: Dfa, text: string): boolean {
  let state = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const edge = edges[state]!.find(([from, to]) => code >= from && code <= to);
    if (!edge) return false;
    state = edge[2];
  }
  return accepting[state]!;
}

/** No text is accepted. */
export const isEmpty = ({ accepting }: Dfa): boolean => !accepting.includes(true);
