/**
 * Jinja templates of strangers, rendered within bounds. @huggingface/jinja interprets over value types of its own: no template reaches a
 * JavaScript object, a global or a prototype. What it has no bound for is work, so its interpreter is subclassed: every node passes
 * through `evaluate`, which counts steps, watches the clock, and measures what each node made before anything is made of it. A single
 * operation is bounded by the sizes of its operands (see `Operands`). Whatever is left is ended with the worker.
 */
import { Environment, Interpreter, parse } from '@huggingface/jinja';
import { PhiError } from '../../shared/errors.ts';
import { tokenizeTemplate } from './jinja-lexer.ts';
import { TemplateLimit, valueSize } from './jinja-size.ts';

type Node = Parameters<Interpreter['evaluate']>[0];
type Value = ReturnType<Interpreter['evaluate']>;

/** The longest chat templates in use have 30 KB. */
const MAX_SOURCE = 128 * 1024;
/** The library's reader looks for a tag after every run of white space, from each of its characters. */
const MAX_BLANK_RUN = 2000;
const MAX_STEPS = 500_000;
const MAX_MS = 1000;
/** Characters of any value: a fixed allowance and a multiple of what the template was given. */
const BASE_SIZE = 1 << 20;
const SIZE_FACTOR = 4;
/** Operand sizes multiplied: `replace`, `indent`, `join` make that many characters, searching looks at that many. */
const MAX_PRODUCT = 1 << 26;
const MAX_RANGE = 100_000;

/** What `raise_exception` was called with: the template refuses what it was given. */
export class TemplateRefusal extends Error {}

export interface JinjaTemplate {
  /**
   * Throws TemplateRefusal where the template does, `bad-model` past a bound, `unsupported-model` where it fails otherwise.
   * `maxMs` is for tests.
   */
  render(variables: Readonly<Record<string, unknown>>, maxMs?: number): string;
}

/** Throws `bad-model` for a source that is no Jinja template or too large. */
export function parseJinja(source: string): JinjaTemplate {
  if (source.length > MAX_SOURCE) throw damaged(`it has ${source.length} characters, more than ${MAX_SOURCE}`);
  if (new RegExp(`\\s{${MAX_BLANK_RUN}}`).test(source))
    throw damaged(`it has more than ${MAX_BLANK_RUN} blanks in a row`);
  let program: ReturnType<typeof parse>;
  try {
    program = parse(tokenizeTemplate(source));
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
  return {
    render(variables, maxMs = MAX_MS) {
      const environment = globals();
      for (const [name, value] of Object.entries(variables)) environment.set(name, value);
      try {
        const interpreter = new BoundedInterpreter(
          environment,
          BASE_SIZE + SIZE_FACTOR * JSON.stringify(variables).length,
          maxMs,
        );
        return interpreter.run(program).toString();
      } catch (cause) {
        if (cause instanceof TemplateRefusal || cause instanceof PhiError) throw cause;
        if (cause instanceof TemplateLimit) throw damaged(cause.message, cause);
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new PhiError('unsupported-model', `The model's chat template cannot be rendered: ${why}`, undefined, {
          cause,
        });
      }
    },
  };
}

/** Sizes of the two largest children that a node has evaluated so far. */
interface Operands {
  largest: number;
  second: number;
  /** Whether the node's work may grow with the product of its children's sizes, and whether numbers count as sizes. */
  multiplies: boolean;
  numbers: boolean;
  node: Node;
}

class BoundedInterpreter extends Interpreter {
  readonly #maxSize: number;
  readonly #deadline: number;
  #steps = 0;
  #operands: Operands = operandsOf(undefined);

  constructor(environment: Environment, maxSize: number, maxMs: number) {
    super(environment);
    this.#maxSize = maxSize;
    this.#deadline = performance.now() + maxMs;
  }

  override evaluate(node: Node, environment: Environment): Value {
    if (++this.#steps > MAX_STEPS) throw new TemplateLimit(`it takes more than ${MAX_STEPS} steps`);
    if (performance.now() > this.#deadline) throw new TemplateLimit('it takes too long');
    const parent = this.#operands;
    const own = operandsOf(node);
    this.#operands = own;
    let value: Value;
    try {
      value = super.evaluate(node, environment);
    } finally {
      this.#operands = parent;
    }
    if (value.type === 'FunctionValue') assertCalled(parent.node, node);
    this.#record(parent, value, own);
    return value;
  }

  #record(parent: Operands, value: Value, own: Operands): void {
    // A method is as large as the text it belongs to.
    const size = value.type === 'FunctionValue' ? own.largest : valueSize(value, parent.numbers);
    if (size > this.#maxSize) throw new TemplateLimit(`it makes a value of more than ${this.#maxSize} characters`);
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

/** A method kept for later would hide how large its text is: functions are called where they are named, or tested. */
function assertCalled(parent: Node, node: Node): void {
  const { type, callee, call } = (parent ?? { type: 'none' }) as NamedNode;
  const isArgument =
    (type === 'CallExpression' && callee !== node) || (type === 'CallStatement' && call?.callee !== node);
  if (type === 'Set' || isArgument) throw new TemplateLimit('it hands functions about as values');
}

interface NamedNode {
  type: string;
  operator?: { value: string };
  callee?: NamedNode;
  call?: NamedNode;
  filter?: NamedNode;
  value?: unknown;
}

function operandsOf(node: Node): Operands {
  const { type, operator, callee, call, filter } = (node ?? { type: 'none' }) as NamedNode;
  const filterName = filter?.callee?.value ?? filter?.value;
  const multiplies =
    (type === 'BinaryExpression' && (operator?.value === 'in' || operator?.value === 'not in')) ||
    // Macros and globals are called by their names; methods of texts are not.
    (type === 'CallExpression' && callee?.type !== 'Identifier') ||
    (type === 'CallStatement' && call?.callee?.type !== 'Identifier') ||
    (filter !== undefined && filterName !== 'default');
  const numbers = filterName === 'indent' || filterName === 'tojson';
  return { largest: 0, second: 0, multiplies, numbers, node };
}

function globals(): Environment {
  const environment = new Environment();
  for (const [name, value] of [
    ['true', true],
    ['True', true],
    ['false', false],
    ['False', false],
    ['none', null],
    ['None', null],
  ] as const) {
    // prettier-ignore
    environment.set(name, value);
  }
  environment.set('raise_exception', (message: unknown) => {
    throw new TemplateRefusal(typeof message === 'string' ? message : 'no reason given');
  });
  environment.set('range', range);
  environment.set('strftime_now', (format: unknown) => strftime(new Date(), String(format)));
  return environment;
}

function range(...args: unknown[]): number[] {
  const numbers = args.filter((value): value is number => Number.isSafeInteger(value));
  if (numbers.length !== args.length || args.length < 1 || args.length > 3)
    throw new Error('range() takes one to three whole numbers');
  const [start, stop, step] = numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  if (step === 0) throw new Error('range() with a step of 0');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > MAX_RANGE) throw new TemplateLimit(`it counts to ${length}`);
  return Array.from({ length }, (_, i) => start + i * step);
}

/** The directives that chat templates use, in English as in Python's C locale. */
function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const name = (options: Intl.DateTimeFormatOptions) => date.toLocaleDateString('en-US', options);
  return format.replace(/%(.)/g, (whole, directive: string) => {
    if (directive === 'Y') return String(date.getFullYear());
    if (directive === 'm') return two(date.getMonth() + 1);
    if (directive === 'd') return two(date.getDate());
    if (directive === 'H') return two(date.getHours());
    if (directive === 'M') return two(date.getMinutes());
    if (directive === 'S') return two(date.getSeconds());
    if (directive === 'B') return name({ month: 'long' });
    if (directive === 'b') return name({ month: 'short' });
    if (directive === 'A') return name({ weekday: 'long' });
    if (directive === 'a') return name({ weekday: 'short' });
    return directive === '%' ? '%' : whole;
  });
}

function damaged(why: string, cause?: unknown): PhiError {
  return new PhiError('bad-model', `The model's chat template is not usable: ${why}.`, undefined, { cause });
}
