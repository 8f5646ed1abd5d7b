/** Regular expressions as JSON Schema writes them (ECMAScript with the flag u), as far as they are regular. Anything else is refused by name. */
import { ANY, complement, intersect, invert, tidy, toDfa, type Dfa, type Regex } from './dfa.ts';
import type { Ranges } from './grammar.ts';
import { refuse } from './refusal.ts';
import { propertyRanges } from './unicode-properties.ts';

const DIGIT: Ranges = [[0x30, 0x39]];
const WORD: Ranges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const SPACE: Ranges = [
  [9, 13],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const NEW_LINES: Ranges = [
  [10, 10],
  [13, 13],
  [0x2028, 0x2029],
];
const CLASSES: Readonly<Record<string, Ranges>> = {
  d: DIGIT,
  D: invert(DIGIT),
  w: WORD,
  W: invert(WORD),
  s: SPACE,
  S: invert(SPACE),
};
const ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, '0': 0 };
/** Signs that stand for themselves behind a backslash. Those of the second line have no need of it, but are often written so. */
const SYNTAX = '^$\\.*+?()[]{}|/-' + '!"#%&\',:;<=>@_`~ ';
const MOST_DEPTH = 100;
/** A pattern of more characters is refused. */
const MOST_LENGTH = 10_000;

const one = (code: number): Regex => ({ kind: 'set', ranges: [[code, code]] });
const anything: Regex = { kind: 'repeat', body: { kind: 'set', ranges: ANY }, min: 0, max: Infinity };

/** Where a part of a pattern is tied to the ends of the text. */
interface Branch {
  items: Regex[];
  start: boolean;
  end: boolean;
  /** Conditions on the whole text, `^(?=...)` and `^(?!...)`. */
  looks: { positive: boolean; branches: Branch[] }[];
}

class Parser {
  readonly #source: string;
  readonly #characters: string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    if (source.length > MOST_LENGTH)
      throw refuse(`a pattern has ${source.length} characters; the limit is ${MOST_LENGTH}.`);
    this.#source = source;
    this.#characters = Array.from(source);
  }

  parse(): Branch[] {
    const branches = this.#branches();
    if (this.#at < this.#characters.length) throw this.#error(`"${this.#peek()}" closes nothing`);
    return branches;
  }

  #error(what: string): Error {
    const shown = this.#source.length > 60 ? `${this.#source.slice(0, 60)}…` : this.#source;
    return refuse(`the pattern ${JSON.stringify(shown)}: ${what}.`);
  }

  #peek(ahead = 0): string | undefined {
    return this.#characters[this.#at + ahead];
  }

  #take(text: string): boolean {
    const found = Array.from(text).every((character, i) => this.#peek(i) === character);
    if (found) this.#at += text.length;
    return found;
  }

  /** `atStart`: nothing stands before it. */
  #branches(atStart = false): Branch[] {
    const branches = [this.#branch(atStart)];
    while (this.#take('|')) branches.push(this.#branch(atStart));
    return branches;
  }

  #branch(atStart: boolean): Branch {
    const branch: Branch = { items: [], start: false, end: false, looks: [] };
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      if (branch.end) throw this.#error('"$" is allowed only at the end of a branch');
      if (this.#take('^')) {
        if (branch.items.length > 0) throw this.#error('"^" is allowed only at the beginning of a branch');
        branch.start = true;
      } else if (this.#take('$')) branch.end = true;
      else if ((atStart || branch.start) && branch.items.length === 0 && this.#looksAhead())
        branch.looks.push(this.#look());
      else branch.items.push(this.#quantified());
    }
    return branch;
  }

  #looksAhead(): boolean {
    return this.#peek() === '(' && this.#peek(1) === '?' && '=!'.includes(this.#peek(2) ?? ' ');
  }

  #look(): Branch['looks'][number] {
    const positive = this.#peek(2) === '=';
    this.#at += 3;
    if (++this.#depth > MOST_DEPTH) throw this.#error(`groups are nested more than ${MOST_DEPTH} deep`);
    const branches = this.#branches(true);
    this.#depth--;
    if (!this.#take(')')) throw this.#error('a group has no ")"');
    return { positive, branches };
  }

  #quantified(): Regex {
    let body = this.#atom();
    for (;;) {
      const bounds = this.#bounds();
      if (!bounds) return body;
      this.#take('?'); // lazy or not, the same texts match
      const [min, max] = bounds;
      if (max < min) throw this.#error(`{${min},${max}} is empty`);
      body = { kind: 'repeat', body, min, max };
      if (this.#peek() !== undefined && '*+?'.includes(this.#peek()!))
        throw this.#error('a quantifier follows a quantifier');
    }
  }

  #bounds(): [number, number] | null {
    if (this.#take('*')) return [0, Infinity];
    if (this.#take('+')) return [1, Infinity];
    if (this.#take('?')) return [0, 1];
    if (this.#peek() !== '{') return null;
    const rest = this.#characters.slice(this.#at, this.#at + 40).join('');
    const match = /^\{(\d{1,9})(?:(,)(\d{1,9})?)?\}/.exec(rest);
    if (!match) throw this.#error('"{" does not begin a count');
    this.#at += match[0].length;
    const min = Number(match[1]);
    return [min, match[3] ? Number(match[3]) : match[2] ? Infinity : min];
  }

  #atom(): Regex {
    if (this.#take('(')) return this.#group();
    if (this.#take('[')) return { kind: 'set', ranges: this.#set() };
    if (this.#take('.')) return { kind: 'set', ranges: invert(NEW_LINES) };
    if (this.#take('\\')) {
      const escaped = this.#escape();
      return typeof escaped === 'number' ? one(escaped) : { kind: 'set', ranges: escaped };
    }
    const next = this.#peek()!;
    if ('*+?{}]'.includes(next)) throw this.#error(`"${next}" has nothing to repeat`);
    this.#at++;
    return one(next.codePointAt(0)!);
  }

  #group(): Regex {
    if (this.#take('?')) {
      if (this.#peek() === 'P' && this.#peek(1) === '<') this.#at++; // Python's spelling of a name
      if (this.#peek() === '<' && !'=!'.includes(this.#peek(1) ?? '=')) {
        while (this.#peek() !== undefined && this.#peek() !== '>') this.#at++;
        this.#at++;
      } else if (!this.#take(':'))
        throw this.#error(
          `"(?${this.#peek() ?? ''}" (looking behind, looking ahead behind the beginning, or flags) is not supported`,
        );
    }
    if (++this.#depth > MOST_DEPTH) throw this.#error(`groups are nested more than ${MOST_DEPTH} deep`);
    const branches = this.#branches();
    this.#depth--;
    if (!this.#take(')')) throw this.#error('a group has no ")"');
    if (branches.some(({ start, end, looks }) => start || end || looks.length > 0))
      throw this.#error('"^" and "$" inside a group are not supported');
    const items = branches.map(({ items }): Regex => ({ kind: 'sequence', items }));
    return items.length === 1 ? items[0]! : { kind: 'choice', items };
  }

  /** A code point, or the set of a class. */
  #escape(): number | Ranges {
    const next = this.#peek();
    if (next === undefined) throw this.#error('"\\" ends it');
    this.#at++;
    const set = CLASSES[next];
    if (set) return set;
    if (next === '0' && /\d/.test(this.#peek() ?? '')) throw this.#error('an octal escape is not supported');
    if (next in ESCAPES) return ESCAPES[next]!;
    if (next === 'x') return this.#hex(2);
    if (next === 'u') return this.#unicode();
    if (next === 'p' || next === 'P') return this.#property(next === 'P');
    if (SYNTAX.includes(next)) return next.codePointAt(0)!;
    if (/[1-9k]/.test(next)) throw this.#error(`the back reference "\\${next}" is not supported`);
    throw this.#error(`"\\${next}" is not supported`);
  }

  /** `\p{L}`, `\P{Script=Greek}` */
  #property(inverted: boolean): Ranges {
    const name = /^\{([\w=]{1,60})\}/.exec(this.#characters.slice(this.#at, this.#at + 64).join(''))?.[1];
    const ranges = name === undefined ? null : propertyRanges(name);
    if (!ranges) throw this.#error('"\\p" does not name a property of characters');
    this.#at += name!.length + 2;
    return inverted ? invert(ranges) : ranges;
  }

  #unicode(): number {
    if (!this.#take('{')) {
      const high = this.#hex(4);
      if (high < 0xd800 || high > 0xdbff || !this.#take('\\u')) return high;
      return 0x10000 + ((high - 0xd800) << 10) + (this.#hex(4) - 0xdc00);
    }
    let digits = '';
    while (this.#peek() !== undefined && this.#peek() !== '}' && digits.length < 7)
      digits += this.#characters[this.#at++]!;
    if (!this.#take('}') || !/^[0-9a-f]+$/i.test(digits) || parseInt(digits, 16) > 0x10ffff)
      throw this.#error('"\\u{" does not name a character');
    return parseInt(digits, 16);
  }

  #hex(length: number): number {
    const digits = this.#characters.slice(this.#at, this.#at + length).join('');
    if (!new RegExp(`^[0-9a-f]{${length}}$`, 'i').test(digits)) throw this.#error('an escape lacks its digits');
    this.#at += length;
    return parseInt(digits, 16);
  }

  #set(): Ranges {
    const inverted = this.#take('^');
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take(']')) {
      const from = this.#setItem();
      if (typeof from !== 'number') {
        ranges.push(...from);
        continue;
      }
      if (this.#peek() === '-' && this.#peek(1) !== ']' && this.#peek(1) !== undefined) {
        this.#at++;
        const to = this.#setItem();
        if (typeof to !== 'number' || to < from) throw this.#error('a range in "[...]" is out of order');
        ranges.push([from, to]);
      } else ranges.push([from, from]);
    }
    return inverted ? invert(ranges) : tidy(ranges);
  }

  #setItem(): number | Ranges {
    const next = this.#peek();
    if (next === undefined) throw this.#error('"[" has no "]"');
    this.#at++;
    if (next !== '\\') return next.codePointAt(0)!;
    if (this.#take('b')) return 8;
    return this.#escape();
  }
}

type Anchored = (branch: Branch) => boolean;

const textOf = (branch: Branch, begin: Anchored, end: Anchored): Regex => ({
  kind: 'sequence',
  items: [...(begin(branch) ? [] : [anything]), ...branch.items, ...(end(branch) ? [] : [anything])],
});

const either = (a: Dfa, b: Dfa): Dfa => complement(intersect(complement(a), complement(b)));

function within(branches: readonly Branch[], begin: Anchored, end: Anchored): Dfa {
  const plain = branches.filter(({ looks }) => looks.length === 0);
  const parts = branches
    .filter(({ looks }) => looks.length > 0)
    .map((branch) =>
      branch.looks.reduce((dfa, look) => intersect(dfa, lookDfa(look)), toDfa(textOf(branch, begin, end))),
    );
  if (plain.length > 0)
    parts.unshift(toDfa({ kind: 'choice', items: plain.map((branch) => textOf(branch, begin, end)) }));
  return parts.reduce(either);
}

/** Texts that begin with what is looked for, or do not. */
function lookDfa({ positive, branches }: Branch['looks'][number]): Dfa {
  const found = within(
    branches,
    () => true,
    (branch) => branch.end,
  );
  return positive ? found : complement(found);
}

/** Texts in which the pattern is found, as JSON Schema's `pattern` means it. */
export const patternDfa = (source: string): Dfa =>
  within(
    new Parser(source).parse(),
    ({ start }) => start,
    ({ end }) => end,
  );

/** Texts that match the pattern from end to end. */
export const wholeDfa = (source: string): Dfa =>
  within(
    new Parser(source).parse(),
    () => true,
    () => true,
  );
