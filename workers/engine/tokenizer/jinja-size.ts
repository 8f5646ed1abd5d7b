/** How large a template's value would be written out. */
import type { Interpreter } from '@huggingface/jinja';

export type Value = ReturnType<Interpreter['evaluate']>;

/** A bound that a template ran into. */
export class TemplateLimit extends Error {}

/** Deeper than any list of tools; written with indentation, each level costs again. */
const MAX_DEPTH = 24;
/** Size of an element of a list or mapping besides its content: the interpreter's value takes about 90 bytes. */
const ELEMENT = 32;

export interface Measure {
  size: number;
  depth: number;
}

/** Lists and mappings never change; what they hold was measured when it was made. */
const known = new WeakMap<object, Measure>();

/** Counts characters, and each element as a fixed number of characters. Values inside other values count each time they occur. */
export const valueSize = (value: Value): number => measureValue(value).size;

/** Throws TemplateLimit for what nests too deep, or keeps a function or a namespace in a value. */
export const measureValue = (value: Value): Measure => measure(value, true);

function measure(value: Value, outermost: boolean): Measure {
  const content: unknown = value.value;
  if (typeof content === 'string') return { size: content.length, depth: 0 };
  if (value.type === 'FunctionValue' && !outermost) throw new TemplateLimit('it keeps functions in values');
  if (Array.isArray(content)) return known.get(value) ?? total(value, content as Value[], true);
  if (!(content instanceof Map)) return { size: 1, depth: 0 };
  // A namespace can change after it was measured, so that nothing may hold one.
  const changes = value.type === 'NamespaceValue';
  if (changes && !outermost) throw new TemplateLimit('it keeps a namespace in another value');
  const before = changes ? undefined : known.get(value);
  const map = content as Map<string, Value>;
  return before ?? total(value, map.values(), !changes, keyLengths(map));
}

function total(container: object, values: Iterable<Value>, keep: boolean, size = 1): Measure {
  let depth = 0;
  for (const value of values) {
    const inner = measure(value, false);
    size += inner.size + ELEMENT;
    depth = Math.max(depth, inner.depth);
  }
  if (++depth > MAX_DEPTH) throw new TemplateLimit(`it nests values more than ${MAX_DEPTH} deep`);
  const result = { size, depth };
  if (keep) known.set(container, result);
  return result;
}

function keyLengths(map: ReadonlyMap<string, Value>): number {
  let sum = 1;
  for (const key of map.keys()) sum += key.length;
  return sum;
}
