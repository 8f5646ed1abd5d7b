/**
 * @huggingface/jinja's interpreter within bounds. It has none of its own, so every node passes through `evaluate`, which counts steps, watches
 * the clock, and measures what each node made before anything is made of it. Filters and methods get their operands evaluated first, so that
 * `checkCall` can refuse what would take long.
 */
import { Environment, Interpreter } from '@huggingface/jinja';
import { checkCall } from './jinja-bounds.ts';
import type { Arguments } from './jinja-arguments.ts';
import { FILTERS } from './jinja-filters.ts';
import { written } from './jinja-format.ts';
import { METHODS } from './jinja-methods.ts';
import { Loops, type LoopNode } from './jinja-loops.ts';
import { COMPARISONS, OPERATORS } from './jinja-operators.ts';
import { BLOCKS, pythonText } from './jinja-print.ts';
import { areChained, NOT_TEST, TEST, TUPLE, WITH } from './jinja-rewrite.ts';
import { TemplateLimit, type Value, valueSize } from './jinja-size.ts';
import { testValue } from './jinja-tests.ts';
import { elementsOf, isMapping, isText, isTrue, list, mapping, NONE, text, truth, tuple } from './jinja-values.ts';

type Node = NonNullable<Parameters<Interpreter['evaluate']>[0]>;

const MAX_STEPS = 500_000;
/** Operand sizes multiplied: searching looks at that many characters. */
const MAX_PRODUCT = 1 << 26;
/** All that a template makes on its way, in values of the largest size. */
const MADE_VALUES = 16;
/** The library takes a text apart into characters to slice it. */
const MAX_SLICED = 1 << 19;

/** The fields of the library's nodes that are used here. */
interface Shape {
  type: string;
  operator?: { value: string };
  callee?: Shape;
  call?: Shape;
  args?: Shape[];
  argument?: Shape;
  filter?: Shape;
  operand?: Shape;
  left?: Shape;
  right?: Shape;
  object?: Shape;
  property?: Shape;
  computed?: boolean;
  body?: Shape[];
  alternate?: Shape[];
  test?: Shape;
  assignee?: Shape;
  key?: { value: string };
  value?: unknown;
}

/** A value in the place of a node that was evaluated before. */
class Done implements Shape {
  readonly type = 'Done';
  readonly value: Value;

  constructor(value: Value) {
    this.value = value;
  }
}

/** Nodes whose value is new, and not one that was there before. */
const MAKERS: ReadonlySet<string> = new Set([
  'ArrayLiteral',
  'BinaryExpression',
  'CallExpression',
  'CallStatement',
  'FilterExpression',
  'FilterStatement',
  'For',
  'If',
  'ObjectLiteral',
  'Program',
  'TupleLiteral',
]);

/** Sizes of the two largest children that a node has evaluated so far. */
interface Operands {
  largest: number;
  second: number;
  /** True if the node's work may grow with the product of its children's sizes. */
  multiplies: boolean;
  node: Shape;
}

export class BoundedInterpreter extends Interpreter {
  readonly #maxSize: number;
  readonly #deadline: number;
  readonly #printed: WeakSet<object>;
  #steps = 0;
  #made = 0;
  #operands: Operands = operandsOf({ type: 'none' });
  /** Set by `break` and `continue` until their loop takes it. */
  #ended: 'break' | 'continue' | null = null;
  readonly #loops = new Loops({
    evaluate: (node, environment) => this.evaluate(node as Node, environment),
    block: (statements, environment) => this.#block(statements as readonly Shape[], environment),
    taken: () => {
      const ended = this.#ended;
      this.#ended = null;
      return ended;
    },
    measure: (made) => this.#measure(made),
  });

  /** `maxSize`: characters of any value. `printed`: the nodes whose values the template writes. */
  constructor(environment: Environment, maxSize: number, maxMs: number, printed: WeakSet<object>) {
    super(environment);
    this.#printed = printed;
    this.#maxSize = maxSize;
    this.#deadline = performance.now() + maxMs;
  }

  override evaluate(node: Node | undefined, environment: Environment): Value {
    if (node instanceof Done) return node.value;
    if (++this.#steps > MAX_STEPS) throw new TemplateLimit(`it takes more than ${MAX_STEPS} steps`);
    if (performance.now() > this.#deadline) throw new TemplateLimit('it takes too long');
    const parent = this.#operands;
    const own = operandsOf(node ?? { type: 'none' });
    this.#operands = own;
    const { type } = own.node;
    let value: Value;
    try {
      own.node = this.#prepared(own.node, environment);
      value = own.node instanceof Done ? own.node.value : super.evaluate(node && own.node, environment);
    } finally {
      this.#operands = parent;
    }
    if (value.type === 'FunctionValue') assertCalled(parent.node, node ?? own.node);
    this.#record(parent, value, own, type);
    return node && this.#printed.has(node) ? this.#text(value) : value;
  }

  /** The value as Python writes it. Undefined values and functions stay as they are. */
  #text(value: Value): Value {
    if (typeof value.value === 'string') return value;
    const made = pythonText(value);
    if (made === null) return value;
    this.#measure(made);
    return text(made);
  }

  #measure(made: string): void {
    if (made.length > this.#maxSize)
      throw new TemplateLimit(`it makes a value of more than ${this.#maxSize} characters`);
  }

  /** What statements write, up to a `break` or `continue`. */
  #block(statements: readonly Shape[], environment: Environment): string {
    let made = '';
    for (const statement of statements) {
      const value = this.#value(statement, environment);
      if (value.type !== 'NullValue' && value.type !== 'UndefinedValue') made += value.toString();
      this.#measure(made);
      if (this.#ended) break;
    }
    return made;
  }

  /** The node, after the values that its work depends on were evaluated and checked; its value where it is not the library that makes it. */
  #prepared(node: Shape, environment: Environment): Shape {
    switch (node.type) {
      case 'Program':
        return new Done(text(this.#block(node.body!, environment)));
      case 'If': {
        const chosen = isTrue(this.#value(node.test!, environment)) ? node.body : node.alternate;
        return new Done(text(this.#block(chosen!, environment)));
      }
      case 'For':
        return new Done(text(this.#loops.run(node as object as LoopNode, environment)));
      case 'Break':
      case 'Continue':
        this.#ended = node.type === 'Break' ? 'break' : 'continue';
        return new Done(NONE);
      case 'FilterExpression':
        return this.#filtered(node, this.#value(node.operand!, environment), environment);
      case 'FilterStatement':
        return this.#filterBlock(node, environment);
      case 'BinaryExpression':
        return this.#binary(node, environment);
      case 'CallExpression':
        return node.callee!.type === 'MemberExpression'
          ? this.#called(node, environment)
          : this.#calledByName(node, environment);
      case 'MemberExpression':
        return node.property!.type === 'SliceExpression' ? this.#sliced(node, environment) : node;
      case 'Set':
        return node.value ? node : this.#setBlock(node, environment);
      default:
        return node;
    }
  }

  /** What a block within tags writes, whose variables end with it. */
  #scoped(body: Shape[], environment: Environment): Value {
    return this.#value({ type: 'Program', body }, new Environment(environment));
  }

  /** `{% filter upper %}`, and `{% with a=1 %}` as it was rewritten. */
  #filterBlock(node: Shape, environment: Environment): Shape {
    const filter = node.filter!;
    if ((filter.callee ?? filter).value !== WITH) {
      // Its text is measured before the filter sees it.
      return this.#filtered({ ...node, type: 'FilterExpression' }, this.#scoped(node.body!, environment), environment);
    }
    const own = new Environment(environment);
    for (const argument of filter.args ?? []) {
      if (argument.type !== 'KeywordArgumentExpression') throw new Error('with needs names and values: with a=1');
      own.setVariable(argument.key!.value, this.#value(argument.value as Shape, environment));
    }
    return new Done(text(this.#block(node.body!, own)));
  }

  /** `{% set a %}...{% endset %}`; its text may pass through filters: `{% set a | upper %}`. */
  #setBlock(node: Shape, environment: Environment): Shape {
    const filters: Shape[] = [];
    let assignee = node.assignee!;
    for (; assignee.type === 'FilterExpression'; assignee = assignee.operand!) filters.unshift(assignee);
    let value = this.#scoped(node.body!, environment);
    for (const one of filters) value = this.#value({ ...one, operand: new Done(value) }, environment);
    return { ...node, assignee, value: new Done(value) };
  }

  #filtered(node: Shape, operand: Value, environment: Environment): Shape {
    const filter = node.filter!;
    const name = String((filter.callee ?? filter).value);
    const { args, done } = this.#arguments(filter.args ?? [], environment);
    if (name === TUPLE) return new Done(tuple(elementsOf(operand)));
    if (name === TEST || name === NOT_TEST) {
      const [test, ...rest] = done.args;
      return new Done(truth(testValue(written(test!), operand, rest) === (name === TEST)));
    }
    checkCall({ name, operand, ...done }, this.#maxSize);
    if (name === 'map' && done.args.length > 0) return this.#mapped(operand, args, environment);
    if (Object.hasOwn(FILTERS, name)) return new Done(FILTERS[name]!(operand, done));
    return { ...node, operand: new Done(operand), filter: filter.args ? { ...filter, args } : filter };
  }

  /** A list whose elements pass through the filter that the first argument names. */
  #mapped(operand: Value, [first, ...args]: readonly Shape[], environment: Environment): Shape {
    const filter = filterOf(written((first as Done).value), args);
    const elements = elementsOf(operand).map((one) =>
      this.#value({ type: 'FilterExpression', operand: new Done(one), filter }, environment),
    );
    return new Done(list(elements));
  }

  #binary(node: Shape, environment: Environment): Shape {
    const operator = node.operator!.value;
    if (Object.hasOwn(COMPARISONS, operator)) return this.#compared(node, environment);
    if (!Object.hasOwn(OPERATORS, operator)) return node;
    const [left, right] = [this.#value(node.left!, environment), this.#value(node.right!, environment)];
    const made = OPERATORS[operator]!(left, right, this.#maxSize);
    return made ? new Done(made) : { ...node, left: new Done(left), right: new Done(right) };
  }

  /** A comparison, or a chain of them, each side of which is evaluated once: `1 < x < 3`. */
  #compared(node: Shape, environment: Environment): Shape {
    const chain = [node];
    let first = node.left!;
    while (first.type === 'BinaryExpression' && areChained(first.operator!, chain[0]!.operator!)) {
      chain.unshift(first);
      first = first.left!;
    }
    let left = this.#value(first, environment);
    for (const { operator, right: side } of chain) {
      const right = this.#value(side!, environment);
      if (!COMPARISONS[operator!.value]!(left, right)) return new Done(truth(false));
      left = right;
    }
    return new Done(truth(true));
  }

  #called(node: Shape, environment: Environment): Shape {
    const callee = node.callee!;
    const operand = this.#value(callee.object!, environment);
    const property = callee.computed ? new Done(this.#value(callee.property!, environment)) : callee.property!;
    const { args, done } = this.#arguments(node.args ?? [], environment);
    const name = property instanceof Done ? property.value.value : property.value;
    if (name === 'join' && isText(operand) && done.args.length === 1) {
      // The method's text is the filter's separator.
      const joined = { name, operand: done.args[0]!, args: [operand], named: new Map<string, Value>() };
      checkCall(joined, this.#maxSize);
      return new Done(FILTERS['join']!(joined.operand, joined));
    }
    checkCall({ name: String(name), operand, ...done }, this.#maxSize);
    const made = this.#method(operand, String(name), done);
    if (made) return new Done(made);
    return { ...node, args, callee: { ...callee, object: new Done(operand), property } };
  }

  /** What a method gives that the library lacks, or has otherwise; null for the others. */
  #method(operand: Value, name: string, given: Arguments): Value | null {
    if (isText(operand)) return Object.hasOwn(METHODS, name) ? METHODS[name]!(operand.value, given) : null;
    if (isMapping(operand) && name === 'items' && !operand.value.has(name)) return FILTERS['items']!(operand, given);
    return this.#loops.method(operand, name, given.args);
  }

  /** `loop(children)` of a recursive loop, and `dict(a=1)`; everything else is the library's. */
  #calledByName(node: Shape, environment: Environment): Shape {
    const name = node.callee!.value;
    if (node.callee!.type !== 'Identifier' || (name !== 'loop' && name !== 'dict')) return node;
    const known = environment.lookupVariable(name);
    const { args, done } = this.#arguments(node.args ?? [], environment);
    if (name === 'dict' && known.type === 'UndefinedValue') {
      const [first] = done.args;
      return new Done(mapping([...(isMapping(first) ? first.value : []), ...done.named]));
    }
    const made = this.#loops.recurse(known, done.args);
    return made ? new Done(made) : { ...node, args };
  }

  #sliced(node: Shape, environment: Environment): Shape {
    const object = this.#value(node.object!, environment);
    if (typeof object.value === 'string' && object.value.length > MAX_SLICED)
      throw new TemplateLimit(`it slices a text of ${object.value.length} characters`);
    return { ...node, object: new Done(object) };
  }

  #arguments(nodes: readonly Shape[], environment: Environment) {
    const positional: Value[] = [];
    const named = new Map<string, Value>();
    const args = nodes.map((node): Shape => {
      const inner = node.type === 'KeywordArgumentExpression' ? (node.value as Shape) : (node.argument ?? node);
      const value = this.#value(inner, environment);
      if (node.type === 'KeywordArgumentExpression') {
        named.set(node.key!.value, value);
        return { ...node, value: new Done(value) };
      }
      if (node.argument && /Spread/.test(node.type)) {
        if (value.value instanceof Map) for (const [key, one] of value.value) named.set(key, one);
        else if (Array.isArray(value.value)) positional.push(...value.value);
        return { ...node, argument: new Done(value) };
      }
      positional.push(value);
      return new Done(value);
    });
    return { args, done: { args: positional, named } };
  }

  #value(node: Shape, environment: Environment): Value {
    return this.evaluate(node, environment);
  }

  #record(parent: Operands, value: Value, own: Operands, type: string): void {
    // A method is as large as the text it belongs to.
    const size = value.type === 'FunctionValue' ? own.largest : valueSize(value);
    if (size > this.#maxSize) throw new TemplateLimit(`it makes a value of more than ${this.#maxSize} characters`);
    // A list or mapping that a block prints is written out as a new text.
    const printed = BLOCKS.has(parent.node.type) && typeof value.value === 'object';
    if ((printed || MAKERS.has(type)) && (this.#made += size) > MADE_VALUES * this.#maxSize)
      throw new TemplateLimit(`it makes more than ${MADE_VALUES * this.#maxSize} characters in total`);
    if (size > parent.largest) {
      parent.second = parent.largest;
      parent.largest = size;
    } else if (size > parent.second) {
      parent.second = size;
    }
    if (parent.multiplies && parent.largest * parent.second > MAX_PRODUCT)
      throw new TemplateLimit('it multiplies long texts');
  }
}

/** A filter's name, or its call with `args`. */
function filterOf(name: string, args: Shape[]): Shape {
  const callee: Shape = { type: 'Identifier', value: name };
  return args.length > 0 ? { type: 'CallExpression', callee, args } : callee;
}

/** A method kept for later would hide how large its text is: functions are called where they are named, or tested. */
function assertCalled(parent: Shape, node: Shape): void {
  const { type, callee, call } = parent;
  const isArgument =
    (type === 'CallExpression' && callee !== node) || (type === 'CallStatement' && call?.callee !== node);
  if (type === 'Set' || isArgument) throw new TemplateLimit('it passes functions as values');
}

function operandsOf(node: Shape): Operands {
  const { type, operator, callee, call, filter } = node;
  const filterName = filter?.callee?.value ?? filter?.value;
  const isTest = filterName === TEST || filterName === NOT_TEST;
  const multiplies =
    (type === 'BinaryExpression' && (operator?.value === 'in' || operator?.value === 'not in')) ||
    // Macros and globals are called by their names; methods of texts are not.
    (type === 'CallExpression' && callee?.type !== 'Identifier') ||
    (type === 'CallStatement' && call?.callee?.type !== 'Identifier') ||
    (filter !== undefined &&
      filterName !== 'default' &&
      filterName !== 'd' &&
      (!isTest || filter.args![0]!.value === 'in'));
  return { largest: 0, second: 0, multiplies, node };
}
