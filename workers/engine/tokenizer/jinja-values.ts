/** Values of @huggingface/jinja made and compared as Python does. Its classes are not exported, so they are taken from values that it makes. */
import { Environment, Interpreter } from '@huggingface/jinja';
import { TemplateLimit, type Value } from './jinja-size.ts';

type Make = new (value: unknown) => Value;
const classOf = (value: unknown): Make => new Environment().set('value', value).constructor as Make;
type Statement = Parameters<Interpreter['evaluate']>[0];

const Text = classOf('');
const Whole = classOf(1);
const Float = classOf(0.5);
const Truth = classOf(true);
const List = classOf([]);
const Mapping = classOf({});
const Tuple = new Interpreter(new Environment()).evaluate(
  { type: 'TupleLiteral', value: [] } as Statement,
  new Environment(),
).constructor as Make;

export const text = (value: string): Value => new Text(value);
export const whole = (value: number): Value => new Whole(value);
export const float = (value: number): Value => new Float(value);
export const truth = (value: boolean): Value => new Truth(value);
export const list = (values: readonly Value[]): Value => new List(values);
export const tuple = (values: readonly Value[]): Value => new Tuple(values);
export const mapping = (entries: Iterable<readonly [string, Value]>): Value => new Mapping(new Map(entries));
export const NONE: Value = new Environment().set('value', null);
export const UNDEFINED: Value = new Environment().set('value', undefined);

export const isTrue = (value: Value): boolean => value.__bool__().value;
export const isText = (value: Value | undefined): value is Value & { value: string } =>
  typeof value?.value === 'string';
export const isList = (value: Value | undefined): value is Value & { value: Value[] } => Array.isArray(value?.value);
export const isMapping = (value: Value | undefined): value is Value & { value: Map<string, Value> } =>
  value?.type === 'ObjectValue';
export const isUndefined = (value: Value): boolean => value.type === 'UndefinedValue';

/** A number, or a truth value as 0 or 1; null for anything else. */
export function numberOf(value: Value | undefined): number | null {
  const content: unknown = value?.value;
  if (typeof content === 'boolean') return Number(content);
  return typeof content === 'number' ? content : null;
}

/** Of the same kind as the numbers that it was made of. */
export const numberLike = (result: number, ...from: readonly Value[]): Value =>
  from.some(({ type }) => type === 'FloatValue') ? float(result) : whole(result);

/** Characters that a text is taken apart into, at most: each becomes a value of 90 bytes. */
const MAX_CHARACTERS = 30_000;

/**
 * What a loop goes through: elements, keys or characters; nothing of an undefined value. Throws for what Python cannot iterate, and
 * TemplateLimit for a long text.
 */
export function elementsOf(value: Value): readonly Value[] {
  if (isList(value)) return value.value;
  if (isMapping(value)) return Array.from((value.value as Map<string, Value>).keys(), (key) => text(key));
  const content: unknown = value.value;
  if (typeof content === 'string') {
    if (content.length > MAX_CHARACTERS)
      throw new TemplateLimit(`it takes a text of ${content.length} characters apart`);
    return Array.from(content, (character) => text(character));
  }
  if (isUndefined(value)) return [];
  throw new Error(`${nameOf(value)} cannot be iterated over`);
}

/** `len(value)`; 0 of an undefined value. */
export function lengthOf(value: Value): number {
  const content: unknown = value.value;
  if (content instanceof Map) return content.size;
  if (typeof content !== 'string') return elementsOf(value).length;
  let count = 0;
  for (const character of content) count += Number(character !== '');
  return count;
}

/** Python's name of the type, for messages. */
export function nameOf({ type, value }: Value): string {
  if (type === 'NullValue') return 'None';
  if (type === 'IntegerValue') return 'a whole number';
  if (type === 'FloatValue') return 'a float';
  if (type === 'BooleanValue') return 'a truth value';
  if (type === 'FunctionValue') return 'a function';
  if (typeof value === 'string') return 'a text';
  return Array.isArray(value) ? 'a list' : type === 'UndefinedValue' ? 'an undefined value' : 'a mapping';
}

/** `a == b`. */
export function equal(a: Value, b: Value): boolean {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== null || right !== null) return left === right;
  if (isList(a) && isList(b))
    return a.type === b.type && a.value.length === b.value.length && a.value.every((one, i) => equal(one, b.value[i]!));
  if (isMapping(a) && isMapping(b))
    return (
      a.value.size === b.value.size &&
      [...a.value].every(([key, one]) => b.value.has(key) && equal(one, b.value.get(key)!))
    );
  return a.type === b.type && a.value === b.value;
}

/** Negative, 0 or positive, as Python orders numbers, texts and lists. Throws for what it does not compare. */
export function order(a: Value, b: Value): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== null && right !== null) return left - right;
  if (isText(a) && isText(b)) return a.value < b.value ? -1 : Number(a.value > b.value);
  if (isList(a) && isList(b) && a.type === b.type) {
    const at = a.value.findIndex((one, i) => i >= b.value.length || !equal(one, b.value[i]!));
    if (at < 0) return a.value.length - b.value.length;
    return at < b.value.length ? order(a.value[at]!, b.value[at]!) : 1;
  }
  throw new Error(`${nameOf(a)} and ${nameOf(b)} have no order`);
}

/** `needle in haystack`. */
export function contains(haystack: Value, needle: Value): boolean {
  if (isText(haystack)) {
    if (isText(needle)) return haystack.value.includes(needle.value);
    throw new Error(`${nameOf(needle)} cannot be looked for in a text`);
  }
  if (isMapping(haystack)) return isText(needle) && haystack.value.has(needle.value);
  return elementsOf(haystack).some((one) => equal(one, needle));
}

/** The value at a path such as `a.b.0`; undefined where there is none. */
export function attribute(value: Value, path: Value | undefined): Value {
  let at = value;
  const content: unknown = path?.value;
  if (typeof content !== 'string' && typeof content !== 'number') throw new Error('an attribute needs a name');
  for (const part of String(content).split('.')) {
    const fields = isMapping(at) ? at.value : at.builtins;
    const next = isList(at) && /^\d+$/.test(part) ? at.value[Number(part)] : fields.get(part);
    if (!next || next.type === 'FunctionValue') return UNDEFINED;
    at = next;
  }
  return at;
}
