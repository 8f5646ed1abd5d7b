/**
 * `{% for %}` as jinja2 runs it. @huggingface/jinja loses what a round wrote before `break`, keeps a round's variables for the next, and has
 * neither `loop.cycle`, `loop.changed` nor recursive loops. Source: jinja2 3.1, `runtime.py` (LoopContext).
 */
import { Environment } from '@huggingface/jinja';
import { RECURSIVE } from './jinja-rewrite.ts';
import { TemplateLimit, type Value } from './jinja-size.ts';
import { elementsOf, equal, isTrue, list, mapping, text, truth, UNDEFINED, whole } from './jinja-values.ts';

const MAX_DEPTH = 24;

/** A loop, or the variables that it sets, as the parser gives them. */
export interface LoopNode {
  type: string;
  iterable?: LoopNode;
  lhs?: LoopNode;
  test?: LoopNode;
  loopvar?: LoopNode;
  /** An identifier's name, or a tuple's members. */
  value?: unknown;
  body?: readonly object[];
  defaultBlock?: readonly object[];
}

/** What loops need of the interpreter. */
export interface Blocks {
  evaluate(node: object, environment: Environment): Value;
  /** The text that statements write, up to a `break` or `continue`. */
  block(statements: readonly object[], environment: Environment): string;
  /** What ended the last block early, once. */
  taken(): 'break' | 'continue' | null;
  /** Throws TemplateLimit for a text that is too long. */
  measure(text: string): void;
}

interface Round {
  node: LoopNode;
  environment: Environment;
  depth: number;
  index: number;
  /** Of the loop: what `changed` saw last. */
  seen: { values: Value | null };
}

export class Loops {
  readonly #blocks: Blocks;
  /** By the variable `loop` of each round. */
  readonly #rounds = new WeakMap<Value, Round>();

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
  }

  /** What the loop writes. `given`: what it goes through, if it calls itself. */
  run(node: LoopNode, environment: Environment, depth = 1, given?: Value): string {
    if (depth > MAX_DEPTH) throw new TemplateLimit(`it nests a loop more than ${MAX_DEPTH} deep`);
    const { iterable, test } =
      node.iterable!.type === 'SelectExpression'
        ? { iterable: node.iterable!.lhs!, test: node.iterable!.test }
        : { iterable: node.iterable!, test: undefined };
    const all = elementsOf(given ?? this.#blocks.evaluate(iterable, environment));
    const items = test
      ? all.filter((item) => isTrue(this.#blocks.evaluate(test, this.#bound(node, item, environment))))
      : all;
    if (items.length === 0) return this.#blocks.block(node.defaultBlock ?? [], new Environment(environment));
    const seen = { values: null };
    let written = '';
    for (let index = 0; index < items.length; index++) {
      const own = this.#bound(node, items[index]!, environment);
      const loop = fieldsOf(items, index, depth);
      this.#rounds.set(loop, { node, environment, depth, index, seen });
      own.setVariable('loop', loop);
      written += this.#blocks.block(node.body ?? [], own);
      this.#blocks.measure(written);
      if (this.#blocks.taken() === 'break') break;
    }
    return written;
  }

  /** `loop.cycle(...)`, `loop.changed(...)`; null for any other method. */
  method(loop: Value, name: string, args: readonly Value[]): Value | null {
    const round = this.#rounds.get(loop);
    if (!round || (name !== 'cycle' && name !== 'changed')) return null;
    if (name === 'cycle') {
      if (args.length === 0) throw new Error('loop.cycle() needs values');
      return args[round.index % args.length]!;
    }
    const values = list(args);
    const isSame = round.seen.values !== null && equal(round.seen.values, values);
    round.seen.values = values;
    return truth(!isSame);
  }

  /** `loop(children)`; null where `loop` is something else. */
  recurse(loop: Value, args: readonly Value[]): Value | null {
    const round = this.#rounds.get(loop);
    if (!round) return null;
    if (!firstName(round.node.loopvar!).startsWith(RECURSIVE))
      throw new Error('loop() is called in a loop that is not recursive');
    return text(this.run(round.node, round.environment, round.depth + 1, args[0] ?? UNDEFINED));
  }

  #bound(node: LoopNode, item: Value, environment: Environment): Environment {
    const own = new Environment(environment);
    bind(node.loopvar!, item, own);
    return own;
  }
}

const firstName = (target: LoopNode): string =>
  Array.isArray(target.value) ? firstName((target.value as LoopNode[])[0]!) : String(target.value);

/** Sets a name, or the names of a tuple, which may hold tuples. */
function bind(target: LoopNode, value: Value, environment: Environment): void {
  if (target.type === 'Identifier') {
    environment.setVariable((target.value as string).trim(), value);
    return;
  }
  if (target.type !== 'TupleLiteral') throw new Error('a loop sets names only');
  const targets = target.value as LoopNode[];
  const parts = elementsOf(value);
  if (parts.length !== targets.length)
    throw new Error(`a loop sets ${targets.length} names, but there are ${parts.length} values`);
  targets.forEach((one, i) => bind(one, parts[i]!, environment));
}

function fieldsOf(items: readonly Value[], index: number, depth: number): Value {
  const { length } = items;
  return mapping([
    ['index', whole(index + 1)],
    ['index0', whole(index)],
    ['revindex', whole(length - index)],
    ['revindex0', whole(length - index - 1)],
    ['first', truth(index === 0)],
    ['last', truth(index === length - 1)],
    ['length', whole(length)],
    ['previtem', items[index - 1] ?? UNDEFINED],
    ['nextitem', items[index + 1] ?? UNDEFINED],
    ['depth', whole(depth)],
    ['depth0', whole(depth - 1)],
  ]);
}
