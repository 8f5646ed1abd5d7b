/** JSON as it is written here: one space behind commas and colons, nothing else between values. */
import { choice, EMPTY, literal, NOTHING, optional, repeat, sequence, type Expr } from './grammar.ts';
import { ANY_TEXT, type Dfa } from './dfa.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export const COMMA = ', ';
export const COLON = ': ';

export function jsonText(value: Json): string {
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(jsonText).join(COMMA)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, each]) => JSON.stringify(key) + COLON + jsonText(each))
    .join(COMMA)}}`;
}

/** A string in its quotes. */
export const quoted = (dfa: Dfa = ANY_TEXT, min = 0, max = Infinity): Expr =>
  sequence(literal('"'), { kind: 'text', dfa, min, max, form: 'json' }, literal('"'));

export const comma = literal(COMMA);

/** `min` to `max` items, with commas between them, and one before the first where others come before. */
export function listed(item: Expr, min: number, max: number, first: boolean): Expr {
  if (max <= 0) return EMPTY;
  if (!first) return repeat(sequence(comma, item), min, max);
  const some = sequence(item, repeat(sequence(comma, item), Math.max(0, min - 1), max - 1));
  return min === 0 ? optional(some) : some;
}

/** Items that differ by place, then any number of `rest`. `items` beyond `min` may be left out from the end. */
export function tuple(items: readonly Expr[], rest: Expr | null, min: number, max: number): Expr {
  const most = Math.min(items.length, max);
  let tail = rest ? listed(rest, Math.max(0, min - most), max - most, most === 0) : EMPTY;
  for (let i = most - 1; i >= 0; i--) {
    const item = i === 0 ? [items[i]!] : [comma, items[i]!];
    const here = sequence(...item, tail);
    tail = i < min ? here : choice(here, EMPTY);
  }
  return sequence(literal('['), tail, literal(']'));
}

export interface Property {
  name: string;
  value: Expr;
  required: boolean;
}

/**
 * An object: properties in their order, then others. `min` and `max` count them; properties that must be there count too.
 *
 * @param extra one more property, comma not included; null: there are no others
 */
export function objectText(properties: readonly Property[], extra: Expr | null, min: number, max: number): Expr {
  const counts = min > 0 || max !== Infinity;
  const known = new Map<string, Expr>();
  const from = (i: number, first: boolean, count: number): Expr => {
    const key = `${i} ${first} ${count}`;
    const before = known.get(key);
    if (before) return before;
    const made = make(i, first, count);
    known.set(key, made);
    return made;
  };
  const make = (i: number, first: boolean, count: number): Expr => {
    if (i === properties.length) {
      const least = Math.max(0, min - count);
      if (!extra || max <= count) return least > 0 ? NOTHING : EMPTY;
      // Other properties may repeat a name, and then count once: no more than one of them is relied on.
      if (least > 1) return NOTHING;
      return listed(extra, least, max - count, first);
    }
    const { name, value, required } = properties[i]!;
    const behind = counts ? count + 1 : 0;
    const taken =
      behind > max
        ? NOTHING
        : sequence(literal((first ? '' : COMMA) + JSON.stringify(name) + COLON), value, from(i + 1, false, behind));
    return required ? taken : choice(taken, from(i + 1, first, count));
  };
  return sequence(literal('{'), from(0, true, 0), literal('}'));
}
