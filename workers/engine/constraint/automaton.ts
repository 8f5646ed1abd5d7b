/**
 * The pushdown automaton at work. A state is the set of all ways in which the text so far may be read, each a node with a stack of calls and
 * counts. States are made when they are first reached and kept, so that a symbol costs a look into a table; stacks share what they have in common.
 */
import { FIRST_TOKEN, NEVER, type Node, type Program } from './program.ts';
import { SHORT } from './vocabulary.ts';

/** Ways of reading kept in a state. More are dropped, which forbids texts but never allows one. */
const MOST_WAYS = 256;
/** States kept; beyond that all are forgotten, and made again as they are needed. */
const MOST_STATES = 12_000;

/** A call, a repetition or a counted text that is not finished. */
class Frame {
  readonly id: number;
  readonly node: number;
  readonly count: number;
  readonly parent: Frame | null;
  /** Fewest symbols from its end to the end of everything. */
  readonly least: number;
  readonly children = new Map<number, Frame>();
  /** The frame of `Automaton.standIn`, once it was asked for. */
  standIn: Frame | null = null;

  constructor(id: number, node: number, count: number, parent: Frame | null, least: number) {
    this.id = id;
    this.node = node;
    this.count = count;
    this.parent = parent;
    this.least = least;
  }
}

interface Way {
  node: number;
  frame: Frame | null;
  least: number;
}

export class State {
  readonly ways: readonly Way[];
  /** The text may end here. */
  readonly accepting: boolean;
  /** Fewest symbols to an end. */
  readonly least: number;
  /** By class of symbol; undefined: not looked at, null: nothing can follow. */
  readonly row: (State | null | undefined)[];
  /** The state of `Automaton.standIn`, once it was asked for. */
  standIn: State | null = null;

  constructor(ways: readonly Way[], accepting: boolean, classes: number) {
    this.ways = ways;
    this.accepting = accepting;
    this.least = accepting ? 0 : ways.reduce((least, way) => Math.min(least, way.least), NEVER);
    this.row = new Array<State | null | undefined>(classes);
  }
}

/** Counts lie below this, so that node and count make one key. */
const COUNTS = 2 ** 17;

const wayKey = (node: number, frame: Frame | null): number => node * 2 ** 28 + (frame?.id ?? 0);

export class Automaton {
  readonly program: Program;
  readonly start: State;
  /** `[256 + tokens]`: symbols of a class lead to the same states everywhere. */
  readonly classOf: Uint16Array;
  /** A symbol of each class. */
  readonly symbolOf: readonly number[];
  #states = new Map<string, State>();
  readonly #reads = new Map<number, readonly (readonly number[])[]>();
  /** By place: the state that it leads to. */
  #behind = new Map<number, State | null>();
  #roots = new Map<number, Frame>();
  #frames = 0;

  constructor(program: Program) {
    this.program = program;
    const symbols = FIRST_TOKEN + program.tokens.length;
    const cuts = new Uint8Array(symbols + 1);
    cuts[FIRST_TOKEN] = 1;
    for (const node of program.nodes) {
      if (node.op !== 'read') continue;
      for (let i = 0; i < node.edges.length; i += 3) cuts[node.edges[i]!] = cuts[node.edges[i + 1]! + 1] = 1;
    }
    this.classOf = new Uint16Array(symbols);
    const symbolOf = [0];
    for (let symbol = 1; symbol < symbols; symbol++) {
      if (cuts[symbol]) symbolOf.push(symbol);
      this.classOf[symbol] = symbolOf.length - 1;
    }
    this.symbolOf = symbolOf;
    this.start = this.#close([[program.start, null]])!;
  }

  get states(): number {
    return this.#states.size;
  }

  /** The state behind one more symbol; null: it cannot follow. */
  step(state: State, symbol: number): State | null {
    return this.stepClass(state, this.classOf[symbol]!);
  }

  stepClass(state: State, kind: number): State | null {
    const known = state.row[kind];
    if (known !== undefined) return known;
    const next: [number, Frame | null][] = [];
    for (const { node, frame } of state.ways) for (const to of this.reads(node)[kind]!) next.push([to, frame]);
    const [only] = next;
    return (state.row[kind] = !only ? null : next.length === 1 ? this.#closeOne(only) : this.#close(next));
  }

  /** Most symbols that can follow a state lead to one place. */
  #closeOne(place: readonly [node: number, frame: Frame | null]): State | null {
    const key = wayKey(...place);
    let state = this.#behind.get(key);
    if (state === undefined) this.#behind.set(key, (state = this.#close([place])));
    return state;
  }

  /** `[classes]`: the nodes behind a node that reads, by class of symbol. */
  reads(node: number): readonly (readonly number[])[] {
    const known = this.#reads.get(node);
    if (known) return known;
    const { edges } = this.program.nodes[node] as Extract<Node, { op: 'read' }>;
    const targets = Array.from(this.symbolOf, (): number[] => []);
    // A range begins and ends with a class.
    for (let i = 0; i < edges.length; i += 3)
      for (let kind = this.classOf[edges[i]!]!; kind <= this.classOf[edges[i + 1]!]!; kind++)
        targets[kind]!.push(edges[i + 2]!);
    this.#reads.set(node, targets);
    return targets;
  }

  /** The only symbol that can follow, where that is plain to see; else -1. */
  onlySymbol(state: State): number {
    if (state.accepting) return -1;
    let only = -1;
    for (const { node } of state.ways) {
      const { edges } = this.program.nodes[node] as Extract<Node, { op: 'read' }>;
      for (let i = 0; i < edges.length; i += 3) {
        if (edges[i] !== edges[i + 1] || (only !== -1 && only !== edges[i])) return -1;
        only = edges[i]!;
      }
    }
    return only;
  }

  /** The first symbol of a shortest way to the end; the next state's way goes on as this one's does. */
  shortestSymbol(state: State): number {
    for (let kind = 0; kind < this.symbolOf.length; kind++) {
      const next = this.stepClass(state, kind);
      if (next && next.least < state.least) return this.symbolOf[kind]!;
    }
    return -1;
  }

  /**
   * A state behind which the same tokens of up to `SHORT` characters may follow, with ends that are as near. Places in the middle of a counted
   * text or list, far from both of its bounds, share one.
   */
  standIn(state: State): State {
    if (state.standIn) return state.standIn;
    const ways = new Map<number, Way>();
    for (const { node, frame, least } of state.ways) {
      const alike = frame && this.#standInFrame(frame);
      ways.set(wayKey(node, alike), { node, frame: alike, least });
    }
    return (state.standIn = this.#intern(ways, state.accepting));
  }

  #standInFrame(frame: Frame): Frame {
    if (frame.standIn) return frame.standIn;
    const { node, count, parent } = frame;
    const at = this.program.nodes[node]!;
    let alike = count;
    // A counted round of a repetition has a character at least.
    if (at.op === 'repeat' && count > at.min && at.max - count >= SHORT) alike = at.min;
    if (at.op === 'open' && count > at.text.min && at.text.max - count >= SHORT + at.text.farthest) alike = at.text.min;
    return (frame.standIn = this.#frame(node, alike, parent && this.#standInFrame(parent)));
  }

  #frame(node: number, count: number, parent: Frame | null): Frame {
    const siblings = parent ? parent.children : this.#roots;
    const key = node * COUNTS + count;
    let frame = siblings.get(key);
    if (!frame) {
      frame = new Frame(++this.#frames, node, count, parent, this.#leastBehind(node, count) + (parent?.least ?? 0));
      siblings.set(key, frame);
    }
    return frame;
  }

  /** Fewest symbols from the end of what the frame holds to the end of the frame around it. */
  #leastBehind(node: number, count: number): number {
    const { nodes, least } = this.program;
    const at = nodes[node]!;
    if (at.op === 'repeat') return Math.max(0, at.min - count - 1) * least[at.body]! + least[at.next]!;
    return at.op === 'call' || at.op === 'open' ? least[at.next]! : 0;
  }

  /** All nodes that read, from these on, as one state; null where none can come to an end. */
  #close(begin: readonly (readonly [number, Frame | null])[]): State | null {
    const work: (readonly [number, Frame | null])[] = [...begin];
    const seen = new Set<number>();
    const ways = new Map<number, Way>();
    let accepting = false;
    for (let next = work.pop(); next; next = work.pop()) {
      const [node, frame] = next;
      const key = wayKey(node, frame);
      if (seen.has(key)) continue;
      seen.add(key);
      const at = this.program.nodes[node]!;
      if (at.op === 'return' && !frame) accepting = true;
      else if (at.op === 'read') {
        const least = this.#leastFrom(node, frame);
        if (least < NEVER) ways.set(key, { node, frame, least });
      } else this.#follow(at, node, frame, work);
    }
    if (!accepting && ways.size === 0) return null;
    return this.#intern(ways, accepting);
  }

  #follow(at: Node, node: number, frame: Frame | null, work: (readonly [number, Frame | null])[]): void {
    const { nodes } = this.program;
    switch (at.op) {
      case 'split':
        for (const to of at.to) work.push([to, frame]);
        return;
      case 'call':
        work.push([at.rule, this.#frame(node, 0, frame)]);
        return;
      case 'return':
        work.push([(nodes[frame!.node] as Extract<Node, { op: 'call' }>).next, frame!.parent]);
        return;
      case 'repeat':
        if (at.min === 0) work.push([at.next, frame]);
        work.push([at.body, this.#frame(node, 0, frame)]);
        return;
      case 'again': {
        const loop = nodes[frame!.node] as Extract<Node, { op: 'repeat' }>;
        const count = frame!.count + 1;
        if (count >= loop.min) work.push([loop.next, frame!.parent]);
        const kept = loop.max === Infinity ? Math.min(count, loop.min) : count;
        if (count < loop.max) work.push([loop.body, this.#frame(frame!.node, kept, frame!.parent)]);
        return;
      }
      case 'open':
        work.push([at.first, this.#frame(node, 0, frame)]);
        return;
      case 'state':
        if (at.text.dfa.accepting[at.state] && frame!.count >= at.text.min)
          work.push([(nodes[frame!.node] as Extract<Node, { op: 'open' }>).next, frame!.parent]);
        work.push([at.read, frame]);
        return;
      case 'count': {
        const count = at.text.next(frame!.count);
        if (count <= at.text.max)
          work.push([at.text.nodes.states[at.state]!, this.#frame(frame!.node, count, frame!.parent)]);
        return;
      }
      case 'read':
    }
  }

  #leastFrom(node: number, frame: Frame | null): number {
    const least = this.program.least[node]!;
    if (!frame) return least;
    const open = this.program.nodes[frame.node]!;
    return (open.op === 'open' ? open.text.leastInside(node, frame.count) : least) + frame.least;
  }

  #intern(ways: ReadonlyMap<number, Way>, accepting: boolean): State {
    let kept = [...ways].sort((a, b) => a[0] - b[0]);
    if (kept.length > MOST_WAYS) kept = kept.sort((a, b) => a[1].least - b[1].least).slice(0, MOST_WAYS);
    const key = `${accepting ? '!' : ''}${kept.map(([id]) => id).join()}`;
    let state = this.#states.get(key);
    if (!state) {
      if (this.#states.size >= MOST_STATES) this.#forget(kept.map(([, way]) => way));
      state = new State(
        kept.map(([, way]) => way),
        accepting,
        this.symbolOf.length,
      );
      this.#states.set(key, state);
    }
    return state;
  }

  /** Lets go of all states but the start. Those in use stay whole: they hold their ways and stacks themselves. */
  #forget(inUse: readonly Way[]): void {
    this.#states = new Map();
    this.#behind = new Map();
    this.start.row.fill(undefined);
    this.#roots = new Map();
    for (const { frame } of inUse) {
      let root = frame;
      while (root?.parent) root = root.parent;
      if (root) this.#roots.set(root.node * COUNTS + root.count, root);
    }
  }
}
