/** The form of a text: expressions over bytes and characters, made by the compilers of schemas, patterns and EBNF. */
import type { Dfa, Ranges } from './dfa.ts';

export type { Ranges } from './dfa.ts';

export type Expr =
  | { kind: 'literal'; bytes: Uint8Array }
  /** One character, as UTF-8. */
  | { kind: 'set'; ranges: Ranges }
  /** One byte. */
  | { kind: 'bytes'; ranges: Ranges }
  | { kind: 'sequence'; items: readonly Expr[] }
  | { kind: 'choice'; items: readonly Expr[] }
  | { kind: 'repeat'; body: Expr; min: number; max: number }
  | { kind: 'rule'; rule: Rule }
  /** `min` to `max` characters that the automaton accepts. `json`: as they stand between the quotes of a JSON string. */
  | { kind: 'text'; dfa: Dfa; min: number; max: number; form: 'json' | 'raw' }
  /** A control token of the vocabulary, by its text. */
  | { kind: 'token'; text: string };

export interface Rule {
  name: string;
  /** null until it is compiled: rules may refer to themselves. */
  body: Expr | null;
}

const encoder = new TextEncoder();

export const EMPTY: Expr = { kind: 'sequence', items: [] };
/** No text at all. */
export const NOTHING: Expr = { kind: 'choice', items: [] };

export const literal = (text: string): Expr => ({ kind: 'literal', bytes: encoder.encode(text) });
export const sequence = (...items: readonly Expr[]): Expr =>
  items.length === 1 ? items[0]! : { kind: 'sequence', items };
export const choice = (...items: readonly Expr[]): Expr => (items.length === 1 ? items[0]! : { kind: 'choice', items });
export const repeat = (body: Expr, min: number, max = Infinity): Expr => ({ kind: 'repeat', body, min, max });
export const optional = (body: Expr): Expr => choice(body, EMPTY);
export const call = (rule: Rule): Expr => ({ kind: 'rule', rule });
