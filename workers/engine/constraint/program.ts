/**
 * An expression as a pushdown automaton: nodes that read a byte, branch, call a rule or count. Counts live on the stack, so a bound of 60,000
 * costs no more nodes than one of 2.
 */
import type { Expr, Rule } from './grammar.ts';
import { refuse } from './refusal.ts';
import { jsonRanges, utf8Ranges, type ByteRanges } from './utf8.ts';
import { CountedText, type Inside } from './counted-text.ts';
import { Nullability, refuseLeftRecursion } from './recursion.ts';

/** Control tokens are symbols from here on, one for each text in `Program.tokens`. */
export const FIRST_TOKEN = 256;
/** No way to the end. */
export const NEVER = 1e9;
const MOST_NODES = 400_000;
/** Copies of a repeated part that may be empty. */
const MOST_COPIES = 16;
/** Longest bounded repetition. A larger bound is cut to this one, because no reply is this long. */
export const MOST_COUNT = 60_000;

export type Node =
  /** Reads a symbol: from, to, next node, and again. */
  | { op: 'read'; edges: readonly number[] }
  | { op: 'split'; to: number[] }
  | { op: 'call'; rule: number; next: number }
  | { op: 'return' }
  | { op: 'repeat'; body: number; min: number; max: number; next: number }
  /** End of a repeated body: the frame on top counts. */
  | { op: 'again' }
  /** A text whose characters are counted. */
  | { op: 'open'; text: CountedText; first: number; next: number }
  | { op: 'state'; text: CountedText; state: number; read: number }
  /** A character of a counted text is complete. */
  | { op: 'count'; text: CountedText; state: number };

export interface Program {
  nodes: readonly Node[];
  start: number;
  /** Fewest symbols from a node to the end of its rule, repeated body or the whole; not of nodes inside of counted texts. */
  least: Int32Array;
  /** Texts of the control tokens that it reads. */
  tokens: readonly string[];
}

class Builder {
  readonly nodes: Node[] = [];
  readonly tokens: string[] = [];
  readonly #known = new Map<Expr, Map<number, number>>();
  readonly #reads = new Map<string, number>();
  readonly #rules = new Map<Rule, number>();
  readonly #pending: Rule[] = [];
  readonly #empty: Nullability;

  constructor(empty: Nullability) {
    this.#empty = empty;
  }

  build(root: Expr): Program {
    const end = this.#node({ op: 'return' });
    const start = this.emit(root, end);
    for (let rule = this.#pending.pop(); rule; rule = this.#pending.pop()) {
      if (!rule.body) throw refuse(`the rule "${rule.name}" is not defined.`);
      (this.nodes[this.#rules.get(rule)!] as Extract<Node, { op: 'split' }>).to.push(this.emit(rule.body, end));
    }
    return { nodes: this.nodes, start, least: leastOf(this.nodes), tokens: this.tokens };
  }

  #node(node: Node): number {
    if (this.nodes.length >= MOST_NODES) throw refuse(`it is too large: it needs more than ${MOST_NODES} nodes.`);
    return this.nodes.push(node) - 1;
  }

  /** The node at which `expr` begins; `next` follows it. */
  emit(expr: Expr, next: number): number {
    let known = this.#known.get(expr);
    if (!known) this.#known.set(expr, (known = new Map<number, number>()));
    let node = known.get(next);
    if (node === undefined) known.set(next, (node = this.#emit(expr, next)));
    return node;
  }

  #emit(expr: Expr, next: number): number {
    switch (expr.kind) {
      case 'literal':
        return expr.bytes.reduceRight((to, byte) => this.#read([byte, byte, to]), next);
      case 'set':
        return this.#characters(
          expr.ranges.map(([from, to]) => [from, to, next]),
          'raw',
        );
      case 'bytes':
        return this.#read(expr.ranges.flatMap(([from, to]) => [from, to, next]));
      case 'sequence':
        return expr.items.reduceRight((to, item) => this.emit(item, to), next);
      case 'choice': {
        const to = [...new Set(expr.items.map((item) => this.emit(item, next)))];
        return to.length === 1 ? to[0]! : this.#node({ op: 'split', to });
      }
      case 'repeat':
        return this.#repeat(expr, next);
      case 'rule':
        return this.#node({ op: 'call', rule: this.#rule(expr.rule), next });
      case 'text':
        return expr.min === 0 && expr.max === Infinity ? this.#text(expr, next) : this.#countedText(expr, next);
      case 'token': {
        if (!this.tokens.includes(expr.text)) this.tokens.push(expr.text);
        const symbol = FIRST_TOKEN + this.tokens.indexOf(expr.text);
        return this.#read([symbol, symbol, next]);
      }
    }
  }

  #rule(rule: Rule): number {
    let entry = this.#rules.get(rule);
    if (entry === undefined) {
      this.#rules.set(rule, (entry = this.#node({ op: 'split', to: [] })));
      this.#pending.push(rule);
    }
    return entry;
  }

  #read(edges: readonly number[]): number {
    const key = edges.join();
    let node = this.#reads.get(key);
    if (node === undefined) this.#reads.set(key, (node = this.#node({ op: 'read', edges })));
    return node;
  }

  #repeat({ body, min, max }: Extract<Expr, { kind: 'repeat' }>, next: number): number {
    if (max === 0) return next;
    if (this.#empty.of(body)) {
      // Rounds that read nothing must not be counted, so the minimum is zero.
      if (max !== Infinity && max > MOST_COPIES)
        throw refuse(
          `a part that may be empty is repeated up to ${max} times. Repeat it without a limit, or at most ${MOST_COPIES} times.`,
        );
      min = 0;
      if (max !== Infinity) {
        let at = next;
        for (let i = 0; i < max; i++) at = this.#node({ op: 'split', to: [this.emit(body, at), next] });
        return at;
      }
    }
    if (min === 0 && max === Infinity) {
      const loop: number[] = [];
      const at = this.#node({ op: 'split', to: loop });
      loop.push(this.emit(body, at), next);
      return at;
    }
    if (min === 0 && max === 1) return this.#node({ op: 'split', to: [this.emit(body, next), next] });
    if (min > MOST_COUNT) throw refuse(`a part must be repeated ${min} times, but the limit is ${MOST_COUNT}.`);
    const most = max === Infinity ? Infinity : Math.min(max, MOST_COUNT);
    return this.#node({ op: 'repeat', body: this.emit(body, this.#node({ op: 'again' })), min, max: most, next });
  }

  /** Characters `[from, to, node behind it]`. */
  #characters(edges: readonly (readonly [number, number, number])[], form: 'json' | 'raw'): number {
    const ranges = form === 'json' ? jsonRanges : utf8Ranges;
    const first: number[] = [];
    for (const [from, to, next] of edges) {
      for (const bytes of ranges(from, to)) {
        const [head, ...rest] = bytes as [ByteRanges[number], ...ByteRanges];
        first.push(
          head[0],
          head[1],
          rest.reduceRight((at, [low, high]) => this.#read([low, high, at]), next),
        );
      }
    }
    return this.#read(first);
  }

  #text({ dfa, form }: Extract<Expr, { kind: 'text' }>, next: number): number {
    const states = dfa.accepting.map(() => this.#node({ op: 'split', to: [] }));
    dfa.edges.forEach((edges, i) => {
      const { to } = this.nodes[states[i]!] as Extract<Node, { op: 'split' }>;
      if (edges.length > 0)
        to.push(
          this.#characters(
            edges.map(([from, end, state]) => [from, end, states[state]!]),
            form,
          ),
        );
      if (dfa.accepting[i]) to.push(next);
    });
    return states[0]!;
  }

  #countedText({ dfa, min, max, form }: Extract<Expr, { kind: 'text' }>, next: number): number {
    if (min > MOST_COUNT) throw refuse(`a text must have at least ${min} characters, but the limit is ${MOST_COUNT}.`);
    const text = new CountedText(dfa, min, max === Infinity ? Infinity : Math.min(max, MOST_COUNT), form);
    const counts = dfa.accepting.map((_, state) => this.#node({ op: 'count', text, state }));
    const states = dfa.edges.map((edges, state) => {
      const read = this.#characters(
        edges.map(([from, to, target]) => [from, to, counts[target]!]),
        form,
      );
      return this.#node({ op: 'state', text, state, read });
    });
    text.nodes = { states, inside: (node) => this.nodes[node] as Inside };
    return this.#node({ op: 'open', text, first: states[0]!, next });
  }
}

/** Shortest way from each node, found by going over them until nothing changes: what follows a node mostly has a lower number. */
function leastOf(nodes: readonly Node[]): Int32Array {
  const least = new Int32Array(nodes.length).fill(NEVER);
  const cost = (node: Node): number => {
    switch (node.op) {
      case 'return':
      case 'again':
        return 0;
      case 'read': {
        let best = NEVER;
        for (let i = 2; i < node.edges.length; i += 3) best = Math.min(best, 1 + least[node.edges[i]!]!);
        return best;
      }
      case 'split':
        return node.to.reduce((best, to) => Math.min(best, least[to]!), NEVER);
      case 'call':
        return least[node.rule]! + least[node.next]!;
      case 'repeat':
        return least[node.body]! * node.min + least[node.next]!;
      case 'open':
        return node.text.least(0, 0) + least[node.next]!;
      case 'state':
      case 'count':
        return NEVER;
    }
  };
  for (let changed = true; changed;) {
    changed = false;
    nodes.forEach((node, i) => {
      const found = Math.min(NEVER, cost(node));
      if (found < least[i]!) {
        least[i] = found;
        changed = true;
      }
    });
  }
  return least;
}

/** Throws `bad-request` for what is too large, or refers to what is not there or to itself without reading anything. */
export function compileProgram(root: Expr): Program {
  const empty = new Nullability(root);
  refuseLeftRecursion(empty);
  const program = new Builder(empty).build(root);
  if (program.least[program.start]! >= NEVER)
    throw refuse('no text can satisfy it, because its conditions exclude one another.');
  return program;
}
