/**
 * @huggingface/jinja's interpreter within bounds. It has none of its own, so every node passes through `evaluate`, which counts steps, watches
 * the clock, and measures what each node made before anything is made of it. Filters and methods get their operands evaluated first, so that
 * `checkCall` can refuse what would take long.
 */
import { type Environment, Interpreter } from '@huggingface/jinja';
import { checkCall } from './jinja-bounds.ts';
import { BLOCKS, pythonText } from './jinja-print.ts';
import { TemplateLimit, type Value, valueSize } from './jinja-size.ts';

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
    let value: Value;
    try {
      own.node = this.#prepared(own.node, environment);
      value = own.node instanceof Done ? own.node.value : super.evaluate(node && own.node, environment);
    } finally {
      this.#operands = parent;
    }
    // The library gives nothing at all for the first element of an empty list.
    value ??= super.evaluate(undefined, environment);
    if (value.type === 'FunctionValue') assertCalled(parent.node, node ?? own.node);
    this.#record(parent, value, own);
    return node && this.#printed.has(node) ? this.#text(value, environment) : value;
  }

  /** The value as Python writes it. Undefined values and functions stay as they are. */
  #text(value: Value, environment: Environment): Value {
    if (typeof value.value === 'string') return value;
    const text = pythonText(value);
    if (text !== null && text.length > this.#maxSize)
      throw new TemplateLimit(`it makes a value of more than ${this.#maxSize} characters`);
    return text === null ? value : this.#literal(text, environment);
  }

  #literal(text: string, environment: Environment): Value {
    return super.evaluate({ type: 'StringLiteral', value: text } as Node, environment);
  }

  /** The node, after the values that its work depends on were evaluated and checked. */
  #prepared(node: Shape, environment: Environment): Shape {
    switch (node.type) {
      case 'FilterExpression':
        return this.#filtered(node, this.#value(node.operand!, environment), environment);
      case 'FilterStatement':
        // Its text is measured before the filter sees it.
        return this.#filtered(
          { ...node, type: 'FilterExpression' },
          this.#value({ type: 'Program', body: node.body }, environment),
          environment,
        );
      case 'BinaryExpression':
        if (node.operator!.value === '%') return this.#remainder(node, environment);
        return node.operator!.value === '~' ? this.#joined(node, environment) : node;
      case 'CallExpression':
        return node.callee!.type === 'MemberExpression' ? this.#called(node, environment) : node;
      case 'MemberExpression':
        return node.property!.type === 'SliceExpression' ? this.#sliced(node, environment) : node;
      case 'Set':
        if (node.value) return node;
        return { ...node, value: new Done(this.#value({ type: 'Program', body: node.body }, environment)) };
      default:
        return node;
    }
  }

  #filtered(node: Shape, operand: Value, environment: Environment): Shape {
    const filter = node.filter!;
    const name = (filter.callee ?? filter).value;
    // Arguments of these are names, and stay what they are.
    const names = name === 'selectattr' || name === 'rejectattr';
    const { args, done } = this.#arguments(filter.args ?? [], environment, names);
    checkCall({ name: String(name), operand, ...done }, this.#maxSize);
    if (name === 'string') return this.#written(operand, environment);
    if (name === 'map' && done.args.length > 0) return this.#mapped(operand, args, environment);
    if (name === 'join') operand = this.#texts(operand, environment);
    return { ...node, operand: new Done(operand), filter: filter.args ? { ...filter, args } : filter };
  }

  /** A list whose elements pass through the filter that the first argument names: the library maps attributes only. */
  #mapped(list: Value, [first, ...args]: readonly Shape[], environment: Environment): Shape {
    const [elements, name] = [list.value as unknown, (first as Done).value.value as unknown];
    if (!Array.isArray(elements) || typeof name !== 'string')
      throw new Error('map() needs a list and the name of a filter');
    const filter = filterOf(name, args);
    const mapped = (elements as Value[]).map((one): Shape => ({
      type: 'FilterExpression',
      operand: new Done(one),
      filter,
    }));
    return new Done(this.#value({ type: 'ArrayLiteral', value: mapped }, environment));
  }

  /** The remainder has the sign of the divisor, as in Python. */
  #remainder(node: Shape, environment: Environment): Shape {
    const [left, right] = [this.#value(node.left!, environment), this.#value(node.right!, environment)];
    const rest = { ...node, left: new Done(left), right: new Done(right) };
    const [a, b]: unknown[] = [left.value, right.value];
    if (typeof a !== 'number' || typeof b !== 'number' || b === 0) return rest;
    const isWhole = left.type === 'IntegerValue' && right.type === 'IntegerValue';
    const value = ((a % b) + b) % b;
    return new Done(this.#value({ type: isWhole ? 'IntegerLiteral' : 'FloatLiteral', value }, environment));
  }

  /** A list whose elements are joined, as texts where they are something else. */
  #texts(list: Value, environment: Environment): Value {
    const elements: unknown = list.value;
    const isText = ({ value, type }: Value) => typeof value === 'string' || type === 'IntegerValue';
    if (!Array.isArray(elements) || (elements as Value[]).every(isText)) return list;
    const texts = (elements as Value[]).map((one) => new Done(this.#text(one, environment)));
    return this.#value({ type: 'ArrayLiteral', value: texts }, environment);
  }

  /** Operands of `~` are texts. */
  #joined(node: Shape, environment: Environment): Shape {
    const [left, right] = [this.#value(node.left!, environment), this.#value(node.right!, environment)];
    return { ...node, left: this.#written(left, environment), right: this.#written(right, environment) };
  }

  /** Always a text; an undefined value is empty. */
  #written(value: Value, environment: Environment): Done {
    const text = this.#text(value, environment);
    return new Done(typeof text.value === 'string' ? text : this.#literal('', environment));
  }

  #called(node: Shape, environment: Environment): Shape {
    const callee = node.callee!;
    const operand = this.#value(callee.object!, environment);
    const property = callee.computed ? new Done(this.#value(callee.property!, environment)) : callee.property!;
    const { args, done } = this.#arguments(node.args ?? [], environment);
    const name = property instanceof Done ? property.value.value : property.value;
    // The library has the filter only: `', '.join(list)` is `list | join(', ')`.
    if (name === 'join' && operand.type === 'StringValue' && args.length === 1) {
      const filter = filterOf('join', [new Done(operand)]);
      return this.#filtered({ type: 'FilterExpression', filter }, done.args[0]!, environment);
    }
    checkCall({ name: String(name), operand, ...done }, this.#maxSize);
    return { ...node, args, callee: { ...callee, object: new Done(operand), property } };
  }

  #sliced(node: Shape, environment: Environment): Shape {
    const object = this.#value(node.object!, environment);
    if (typeof object.value === 'string' && object.value.length > MAX_SLICED)
      throw new TemplateLimit(`it slices a text of ${object.value.length} characters`);
    return { ...node, object: new Done(object) };
  }

  #arguments(nodes: readonly Shape[], environment: Environment, keep = false) {
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
      return keep ? node : new Done(value);
    });
    return { args, done: { args: positional, named } };
  }

  #value(node: Shape, environment: Environment): Value {
    return this.evaluate(node, environment);
  }

  #record(parent: Operands, value: Value, own: Operands): void {
    // A method is as large as the text it belongs to.
    const size = value.type === 'FunctionValue' ? own.largest : valueSize(value);
    if (size > this.#maxSize) throw new TemplateLimit(`it makes a value of more than ${this.#maxSize} characters`);
    // A list or mapping that a block prints is written out as a new text.
    const printed = BLOCKS.has(parent.node.type) && typeof value.value === 'object';
    if ((printed || MAKERS.has(own.node.type)) && (this.#made += size) > MADE_VALUES * this.#maxSize)
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
  const multiplies =
    (type === 'BinaryExpression' && (operator?.value === 'in' || operator?.value === 'not in')) ||
    // Macros and globals are called by their names; methods of texts are not.
    (type === 'CallExpression' && callee?.type !== 'Identifier') ||
    (type === 'CallStatement' && call?.callee?.type !== 'Identifier') ||
    (filter !== undefined && filterName !== 'default');
  return { largest: 0, second: 0, multiplies, node };
}
