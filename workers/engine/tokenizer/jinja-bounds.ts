/** Limits for the arguments of a template's filters and methods. They are checked first, because nothing can stop a filter once it runs. */
import { measureValue, TemplateLimit, type Value } from './jinja-size.ts';
import { numberOf } from './jinja-values.ts';

/** Characters of a text that is an argument: a mark to split at, an ending to look for. */
const MAX_ARGUMENT = 1 << 14;
/** Characters of an attribute's path, each part of which is looked up again for each element. */
const MAX_PATH = 128;
const MAX_INDENT = 100;
/** Filters whose arguments are paths, but for the third, which a test compares with. */
const TAKE_PATHS: ReadonlySet<string> = new Set([
  'groupby',
  'map',
  'max',
  'min',
  'rejectattr',
  'selectattr',
  'sort',
  'sum',
  'unique',
]);
/** Elements that one operation may make. */
const MAX_ELEMENTS = 30_000;
/** Characters that a number is filled up to. */
const MAX_WIDTH = 1000;
/** Comparisons times the longest text that is compared, or texts times the characters looked for. */
const MAX_WORK = 1 << 24;

export interface Call {
  /** Name of the filter, or of the method of a value. */
  name: string;
  operand: Value;
  args: readonly Value[];
  named: ReadonlyMap<string, Value>;
}

/** Throws TemplateLimit. `maxSize`: characters that a value may have. */
export function checkCall(call: Call, maxSize: number): void {
  const { name, operand, args, named } = call;
  if (name === 'default' || name === 'd' || name === 'get') return;
  const isPath = (argument: Value): boolean =>
    (TAKE_PATHS.has(name) && argument !== args[2]) ||
    argument === named.get('attribute') ||
    (name === 'join' && argument === args[1]);
  for (const argument of [...args, ...named.values()]) {
    const length = textOf(argument)?.length ?? 0;
    if (length > MAX_ARGUMENT || (length > MAX_PATH && isPath(argument)))
      throw new TemplateLimit(`it gives "${name}" an argument of ${length} characters`);
  }
  CHECKS[name]?.(call, maxSize, operand);
}

const splits: (call: Call, maxSize: number, operand: Value) => void = ({ args, named }, _, operand) => {
  const text = textOf(operand) ?? '';
  const separator = textOf(args[0] ?? named.get('sep'));
  const pieces = separator ? occurrences(text, separator) + 1 : text.length / 2;
  if (pieces > MAX_ELEMENTS && (separator || runs(text) > MAX_ELEMENTS))
    throw new TemplateLimit('it splits a text into too many pieces');
};

const CHECKS: Readonly<Record<string, (call: Call, maxSize: number, operand: Value) => void>> = {
  split: splits,
  rsplit: splits,
  splitlines: (_, __, operand) => {
    const text = textOf(operand) ?? '';
    if (occurrences(text, '\n') + occurrences(text, '\r') > MAX_ELEMENTS)
      throw new TemplateLimit('it splits a text into too many lines');
  },
  batch: ({ args, named }) => {
    const count = numberOf(args[0] ?? named.get('linecount')) ?? 0;
    if (count > MAX_ELEMENTS) throw new TemplateLimit(`it makes batches of ${count}`);
  },
  zfill: ({ args: [width] }) => {
    if ((numberOf(width) ?? 0) > MAX_WIDTH) throw new TemplateLimit(`it fills a text to ${numberOf(width)} characters`);
  },
  replace: ({ args: [from, to] }, maxSize, operand) => {
    const text = textOf(operand) ?? '';
    const [old, made] = [textOf(from) ?? '', textOf(to) ?? ''];
    const count = old === '' ? text.length + 1 : occurrences(text, old);
    if (text.length + count * (made.length - old.length) > maxSize) throw tooLong();
  },
  join: ({ args, named }, maxSize, operand) => {
    const separator = textOf(args[0] ?? named.get('separator'))?.length ?? 0;
    const { size } = measureValue(operand);
    const count = (operand.value as { length?: number } | null)?.length ?? 0;
    if (size + count * separator > maxSize) throw tooLong();
  },
  indent: ({ args, named }, maxSize, operand) => {
    const width = widthOf(args[0] ?? named.get('width'), 4);
    const text = textOf(operand) ?? '';
    if (text.length + (occurrences(text, '\n') + 1) * width > maxSize) throw tooLong();
  },
  tojson: ({ named }, maxSize, operand) => {
    const indent = widthOf(named.get('indent'), 0);
    const separators = named.get('separators');
    const extra = Array.isArray(separators?.value) ? measureValue(separators).size : 0;
    const { size, depth } = measureValue(operand);
    if ((size / 8) * (indent * depth + extra) + size > 4 * maxSize) throw tooLong();
  },
  sort: sortable,
  dictsort: sortable,
};

/** Texts are compared in lower case, which is computed again for each comparison. */
function sortable(_: Call, __: number, operand: Value): void {
  const content: unknown = operand.value;
  const values = content instanceof Map ? [...content.values(), ...content.keys()] : content;
  if (!Array.isArray(values)) return;
  let longest = 1;
  for (const value of values as (Value | string)[])
    longest = Math.max(longest, typeof value === 'string' ? value.length : measureValue(value).size);
  if (values.length * longest > MAX_WORK) throw new TemplateLimit('it sorts long texts');
}

const textOf = (value: Value | undefined): string | null => (typeof value?.value === 'string' ? value.value : null);

function widthOf(value: Value | undefined, usual: number): number {
  const width = typeof value?.value === 'number' ? value.value : usual;
  if (width > MAX_INDENT) throw new TemplateLimit(`it indents by ${width}`);
  return width;
}

function occurrences(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++;
  return count;
}

function runs(text: string): number {
  const words = text.matchAll(/\S+/g);
  let count = 0;
  while (count <= MAX_ELEMENTS && !words.next().done) count++;
  return count;
}

const tooLong = () => new TemplateLimit('it makes a text that is too long');
