/**
 * EBNF as llama.cpp's GBNF and xgrammar write it: `name ::= ...` with "text", [classes], groups, |, *, +, ?, {m,n} and # comments. The rule `root`
 * is the whole text.
 */
import { ANY, invert, tidy } from './dfa.ts';
import { call, choice, literal, repeat, sequence, type Expr, type Ranges, type Rule } from './grammar.ts';
import { refuse } from './refusal.ts';

const MOST_LENGTH = 200_000;
const MOST_DEPTH = 100;
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  "'": "'",
  '\\': '\\',
  '[': '[',
  ']': ']',
  '-': '-',
  '^': '^',
};

/** Throws `bad-request` that names the line of what is wrong. */
export function parseEbnf(source: string): Expr {
  if (source.length > MOST_LENGTH)
    throw refuse(`the grammar has ${source.length} characters; the limit is ${MOST_LENGTH}.`);
  return new Parser(source).parse();
}

class Parser {
  readonly #source: string;
  readonly #rules = new Map<string, Rule>();
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Expr {
    for (this.#space(true); this.#at < this.#source.length; this.#space(true)) {
      const rule = this.#rule(this.#name());
      this.#space(false);
      this.#expect('::=');
      if (rule.body) throw this.#error(`the rule "${rule.name}" is defined twice`);
      this.#space(true);
      rule.body = this.#alternatives();
    }
    for (const rule of this.#rules.values())
      if (!rule.body) throw refuse(`the grammar: the rule "${rule.name}" is not defined.`);
    const root = this.#rules.get('root');
    if (!root) throw refuse('the grammar: it has no rule "root". That rule describes the whole text.');
    return call(root);
  }

  #error(what: string): Error {
    const line = this.#source.slice(0, this.#at).split('\n').length;
    return refuse(`the grammar, line ${line}: ${what}.`);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  /** White space and comments. A line ends a rule, except inside of a group. */
  #space(lines: boolean): void {
    this.#match(lines ? /(?:\s|#[^\n]*)*/y : /(?:[ \t]|#[^\n]*)*/y);
  }

  #expect(text: string): void {
    if (!this.#source.startsWith(text, this.#at)) throw this.#error(`"${text}" is missing`);
    this.#at += text.length;
  }

  #name(): string {
    const name = this.#match(/[A-Za-z0-9_][A-Za-z0-9_-]*/y);
    if (name === null)
      throw this.#error(`a rule's name is missing before "${this.#source.slice(this.#at, this.#at + 12)}"`);
    return name;
  }

  #rule(name: string): Rule {
    let rule = this.#rules.get(name);
    if (!rule) this.#rules.set(name, (rule = { name, body: null }));
    return rule;
  }

  #alternatives(): Expr {
    const items = [this.#sequence()];
    for (;;) {
      // An alternative may begin a new line.
      const before = this.#at;
      this.#space(true);
      if (this.#source[this.#at] !== '|') {
        this.#at = this.#depth > 0 ? this.#at : before;
        return choice(...items);
      }
      this.#at++;
      this.#space(true);
      items.push(this.#sequence());
    }
  }

  #sequence(): Expr {
    const items: Expr[] = [];
    for (;;) {
      this.#space(this.#depth > 0);
      const next = this.#source[this.#at];
      if (next === undefined || next === '|' || next === ')') return sequence(...items);
      if (next === '\n' || next === '\r') {
        if (!this.#goesOn()) return sequence(...items);
        continue;
      }
      items.push(this.#quantified());
    }
  }

  /** Moves to the next line if the rule goes on there: it neither begins another rule nor an alternative. */
  #goesOn(): boolean {
    const before = this.#at;
    this.#space(true);
    const next = /$|[|)]|[\w-]+\s*::=/y;
    next.lastIndex = this.#at;
    if (!next.test(this.#source)) return true;
    this.#at = before;
    return false;
  }

  #quantified(): Expr {
    const body = this.#atom();
    const mark = this.#match(/[ \t]*(?:[*+?]|\{\s*\d+\s*(?:,\s*\d*\s*)?\})/y)?.trim() ?? null;
    if (mark === null) return body;
    if (mark === '*') return repeat(body, 0);
    if (mark === '+') return repeat(body, 1);
    if (mark === '?') return repeat(body, 0, 1);
    const [low, high] = mark
      .slice(1, -1)
      .split(',')
      .map((part) => part.trim());
    const min = Number(low);
    const max = high === undefined ? min : high === '' ? Infinity : Number(high);
    if (max < min) throw this.#error(`${mark} is empty`);
    return repeat(body, min, max);
  }

  #atom(): Expr {
    const next = this.#source[this.#at]!;
    if (next === '"' || next === "'") return literal(this.#quoted(next));
    if (next === '[') return { kind: 'set', ranges: this.#set() };
    if (next === '.') {
      this.#at++;
      return { kind: 'set', ranges: ANY };
    }
    if (next !== '(') return call(this.#rule(this.#name()));
    if (++this.#depth > MOST_DEPTH) throw this.#error(`groups are nested more than ${MOST_DEPTH} deep`);
    this.#at++;
    this.#space(true);
    const inner = this.#alternatives();
    this.#space(true);
    this.#expect(')');
    this.#depth--;
    return inner;
  }

  #quoted(mark: string): string {
    this.#at++;
    let text = '';
    for (;;) {
      const next = this.#source[this.#at];
      if (next === undefined || next === '\n') throw this.#error('a text in quotes does not end');
      if (next === mark) break;
      text += this.#character();
    }
    this.#at++;
    return text;
  }

  /** One character, by its escape where it has one. */
  #character(): string {
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at)!);
    this.#at += character.length;
    if (character !== '\\') return character;
    const next = this.#source[this.#at++] ?? '';
    const length = { x: 2, u: 4, U: 8 }[next];
    if (length === undefined) {
      if (!(next in ESCAPES)) throw this.#error(`the escape "\\${next}" is not known`);
      return ESCAPES[next]!;
    }
    const digits = this.#source.slice(this.#at, this.#at + length);
    const code = /^[0-9a-f]+$/i.test(digits) && digits.length === length ? parseInt(digits, 16) : Infinity;
    if (code > 0x10ffff) throw this.#error(`"\\${next}${digits}" is not a character`);
    this.#at += length;
    return String.fromCodePoint(code);
  }

  #set(): Ranges {
    this.#at++;
    const inverted = this.#source[this.#at] === '^';
    if (inverted) this.#at++;
    const ranges: [number, number][] = [];
    while (this.#source[this.#at] !== ']') {
      if (this.#source[this.#at] === undefined) throw this.#error('"[" has no "]"');
      const from = this.#character().codePointAt(0)!;
      let to = from;
      if (this.#source[this.#at] === '-' && this.#source[this.#at + 1] !== ']') {
        this.#at++;
        to = this.#character().codePointAt(0)!;
        if (to < from) throw this.#error('a range in "[...]" is out of order');
      }
      ranges.push([from, to]);
    }
    this.#at++;
    return inverted ? invert(ranges) : tidy(ranges);
  }
}
