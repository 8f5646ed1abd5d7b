/** The tests of jinja2 (`x is divisibleby(3)`), which `select`, `reject` and their kin name too. Source: jinja2 3.1, `tests.py`. */
import type { Value } from './jinja-size.ts';
import { contains, equal, isList, isMapping, isText, isUndefined, numberOf, order } from './jinja-values.ts';

type Test = (value: Value, argument: Value) => boolean;

const isWhole = ({ type }: Value) => type === 'IntegerValue';
const isNumber = (value: Value) => numberOf(value) !== null;
const cased = (value: Value, to: (text: string) => string): boolean =>
  isText(value) && to(value.value) === value.value && value.value.toLowerCase() !== value.value.toUpperCase();

function remainder(value: Value, by: number): number {
  const number = numberOf(value);
  if (number === null) throw new Error('a test of numbers met something else');
  return ((number % by) + by) % by;
}

const BASIC: Readonly<Record<string, Test>> = {
  defined: (value) => !isUndefined(value),
  undefined: isUndefined,
  none: ({ type }) => type === 'NullValue',
  boolean: ({ type }) => type === 'BooleanValue',
  true: ({ value }) => (value as unknown) === true,
  false: ({ value }) => (value as unknown) === false,
  integer: isWhole,
  float: ({ type }) => type === 'FloatValue',
  number: isNumber,
  string: isText,
  mapping: isMapping,
  sequence: (value) => isList(value) || isText(value) || isMapping(value),
  iterable: (value) => isList(value) || isText(value) || isMapping(value) || isUndefined(value),
  callable: ({ type }) => type === 'FunctionValue',
  odd: (value) => remainder(value, 2) === 1,
  even: (value) => remainder(value, 2) === 0,
  divisibleby: (value, by) => remainder(value, numberOf(by)!) === 0,
  lower: (value) => cased(value, (text) => text.toLowerCase()),
  upper: (value) => cased(value, (text) => text.toUpperCase()),
  in: (value, all) => contains(all, value),
  sameas: (value, other) =>
    isList(value) || isMapping(value) ? value === other : value.type === other.type && equal(value, other),
  eq: equal,
  ne: (value, other) => !equal(value, other),
  lt: (value, other) => order(value, other) < 0,
  le: (value, other) => order(value, other) <= 0,
  gt: (value, other) => order(value, other) > 0,
  ge: (value, other) => order(value, other) >= 0,
};
const ALIASES: Readonly<Record<string, string>> = {
  equalto: 'eq',
  lessthan: 'lt',
  greaterthan: 'gt',
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};
const WITH_ARGUMENT: ReadonlySet<string> = new Set(['divisibleby', 'in', 'sameas', 'eq', 'ne', 'lt', 'le', 'gt', 'ge']);

/** Throws for a test that there is not, and for one without the argument that it needs. */
export function testValue(name: string, value: Value, args: readonly Value[]): boolean {
  const known = ALIASES[name] ?? name;
  if (!Object.hasOwn(BASIC, known)) throw new Error(`the test "${name}" is not known`);
  if (args.length !== Number(WITH_ARGUMENT.has(known)))
    throw new Error(`the test "${name}" takes ${WITH_ARGUMENT.has(known) ? 'one argument' : 'no arguments'}`);
  return BASIC[known]!(value, args[0]!);
}
