/** Operators as Python has them, where @huggingface/jinja lacks them or differs. */
import { formatPercent, written } from './jinja-format.ts';
import { TemplateLimit, type Value, valueSize } from './jinja-size.ts';
import {
  contains,
  equal,
  float,
  isList,
  isText,
  list,
  numberLike,
  numberOf,
  order,
  text,
  tuple,
} from './jinja-values.ts';

export const COMPARISONS: Readonly<Record<string, (a: Value, b: Value) => boolean>> = {
  '==': equal,
  '!=': (a, b) => !equal(a, b),
  '<': (a, b) => order(a, b) < 0,
  '<=': (a, b) => order(a, b) <= 0,
  '>': (a, b) => order(a, b) > 0,
  '>=': (a, b) => order(a, b) >= 0,
  in: (a, b) => contains(b, a),
  'not in': (a, b) => !contains(b, a),
};

/** The result, of at most `maxSize` characters; null: the library's is right, or its error. */
export const OPERATORS: Readonly<Record<string, (a: Value, b: Value, maxSize: number) => Value | null>> = {
  '~': (a, b) => text(written(a) + written(b)),
  '+': (a, b) =>
    isList(a) && isList(b) && a.type === b.type
      ? (a.type === 'TupleValue' ? tuple : list)([...a.value, ...b.value])
      : computed(a, b, (x, y) => x + y),
  '-': (a, b) => computed(a, b, (x, y) => x - y),
  '%': (a, b) => (isText(a) ? text(formatPercent(a.value, b)) : divided(a, b, (x, y) => ((x % y) + y) % y)),
  '//': (a, b) => divided(a, b, (x, y) => Math.floor(x / y)),
  '/': (a, b) => {
    const quotient = divided(a, b, (x, y) => x / y);
    return quotient && float(numberOf(quotient)!);
  },
  '*': (a, b, maxSize) => repeated(a, b, maxSize) ?? repeated(b, a, maxSize),
};

/** The remainder has the sign of the divisor, and a quotient is rounded down, as in Python. */
function divided(a: Value, b: Value, divide: (a: number, b: number) => number): Value | null {
  if (numberOf(b) === 0) throw new Error('a number is divided by zero');
  return computed(a, b, divide);
}

function computed(a: Value, b: Value, compute: (a: number, b: number) => number): Value | null {
  const [x, y] = [numberOf(a), numberOf(b)];
  return x === null || y === null ? null : numberLike(compute(x, y), a, b);
}

/** A text or list, several times; null for other operands. */
function repeated(value: Value, by: Value, maxSize: number): Value | null {
  const count = by.type === 'IntegerValue' ? Math.max(0, numberOf(by)!) : null;
  if (count === null || !(isText(value) || isList(value))) return null;
  if (valueSize(value) * count > maxSize)
    throw new TemplateLimit(`it makes a value of more than ${maxSize} characters`);
  if (isText(value)) return text(value.value.repeat(count));
  return list(Array.from({ length: count }, () => value.value).flat());
}
