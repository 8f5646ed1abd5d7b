/**
 * Reads a chat template's text as jinja2 does with `trim_blocks` and `lstrip_blocks` (the settings of transformers): line ends, white space
 * around tags, `raw` blocks and escapes in strings. @huggingface/jinja doubles CRLF line ends, does not know `+%}` or `raw`, and throws at an
 * escape that jinja2 leaves alone. Its lexer is given one tag at a time here, with strings and numbers spelled in a way that both understand.
 * Source of the rules: jinja2 3.1, `lexer.py`.
 */
import { tokenize } from '@huggingface/jinja';
import { rewriteTag, type Token } from './jinja-rewrite.ts';

/** White space of Python's `\s`, which differs from JavaScript's. */
const SPACES = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const LEADING = new RegExp(`[${SPACES}]*`, 'y');
const ONLY_SPACES = new RegExp(`^[${SPACES}]*$`);
const IS_SPACE = new RegExp(`^[${SPACES}]$`);
const RAW = new RegExp(`\\{%([-+]?)[${SPACES}]*raw[${SPACES}]*(?:(-)%\\}|%\\})`, 'y');
const END_RAW = new RegExp(`\\{%([-+]?)[${SPACES}]*endraw[${SPACES}]*([-+]?)%\\}`, 'g');
const NUMBER = /0x(?:_?[\da-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+|\d+(?:_\d+)*(?:\.\d+(?:_\d+)*)?(?:e[+-]?\d+(?:_\d+)*)?/iy;
const NAME = /[\p{L}_][\p{L}\p{N}_]*/uy;
const STRING = /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y;
/** Marks of transformers around an assistant's reply: they change nothing in the text. */
const GENERATION = /^\s*(?:end)?generation\s*$/;
const CLOSES: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Throws SyntaxError for a tag, comment or string that does not end, and for escapes and brackets that jinja2 refuses. */
export function tokenizeTemplate(source: string): Token[] {
  return new TemplateLexer(source).tokens();
}

class TemplateLexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  /** True if the last part read ended a line, or nothing was read yet. */
  #lineStarts = true;

  constructor(source: string) {
    const lines = source.replace(/\r\n?/g, '\n');
    this.#source = lines.endsWith('\n') ? lines.slice(0, -1) : lines;
  }

  tokens(): Token[] {
    while (this.#at < this.#source.length) {
      const open = nextTag(this.#source, this.#at);
      if (open < 0) {
        this.#text(this.#source.slice(this.#at));
        break;
      }
      RAW.lastIndex = open;
      const raw = RAW.exec(this.#source);
      const sign = raw ? raw[1]! : signAt(this.#source, open + 2);
      const kind = this.#source[open + 1]!;
      this.#text(this.#before(this.#source.slice(this.#at, open), sign, kind !== '{'));
      if (raw) this.#raw(open + raw[0].length, raw[2] === '-');
      else if (kind === '#') this.#comment(open + 2 + sign.length);
      else this.#tag(open + 2 + sign.length, kind === '%' ? '%}' : '}}');
    }
    return this.#tokens;
  }

  /** The text before a tag, without the white space that the tag takes along. */
  #before(text: string, sign: string, block: boolean): string {
    if (sign === '-') return withoutTrailing(text);
    if (sign === '+' || !block) return text;
    const line = text.lastIndexOf('\n') + 1;
    const blank = (line > 0 || this.#lineStarts) && ONLY_SPACES.test(text.slice(line));
    return blank ? text.slice(0, line) : text;
  }

  #raw(from: number, strips: boolean): void {
    const start = strips ? afterSpaces(this.#source, from) : from;
    END_RAW.lastIndex = start;
    const end = END_RAW.exec(this.#source);
    if (!end) throw new SyntaxError('Missing end of raw directive');
    this.#lineStarts = this.#source[start - 1] === '\n';
    this.#text(this.#before(this.#source.slice(start, end.index), end[1]!, true));
    this.#moveOn(end.index + end[0].length, end[2]!, true);
  }

  #comment(from: number): void {
    const end = this.#source.indexOf('#}', from);
    if (end < 0) throw new SyntaxError('Missing end of comment tag');
    const sign = end > from ? signAt(this.#source, end - 1) : '';
    this.#moveOn(end + 2, sign, true);
  }

  /** Goes on behind the end of a tag, and behind the white space that it takes along. `block`: it takes one line end. */
  #moveOn(end: number, sign: string, block: boolean): void {
    if (sign === '-') this.#at = afterSpaces(this.#source, end);
    else this.#at = block && sign !== '+' && this.#source[end] === '\n' ? end + 1 : end;
    this.#lineStarts = this.#source[this.#at - 1] === '\n';
  }

  #tag(from: number, close: '%}' | '}}'): void {
    const tag = readTag(this.#source, from, close);
    this.#moveOn(tag.end, tag.sign, close === '%}');
    if (close === '%}' && GENERATION.test(tag.code)) return;
    const [open, end] = close === '%}' ? ['{% ', ' %}'] : ['{{ ', ' }}'];
    this.#tokens.push(...rewriteTag(tokenize(open + tag.code + end, {})));
  }

  #text(value: string): void {
    if (value !== '') this.#tokens.push({ value, type: 'Text' });
  }
}

function nextTag(source: string, from: number): number {
  for (let at = source.indexOf('{', from); at >= 0; at = source.indexOf('{', at + 1)) {
    const next = source[at + 1];
    if (next === '%' || next === '{' || next === '#') return at;
  }
  return -1;
}

const signAt = (source: string, at: number): string => (source[at] === '-' || source[at] === '+' ? source[at] : '');

function afterSpaces(source: string, from: number): number {
  LEADING.lastIndex = from;
  return from + LEADING.exec(source)![0].length;
}

function withoutTrailing(text: string): string {
  let end = text.length;
  while (end > 0 && IS_SPACE.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** The code of a tag in the library's spelling; ends where jinja2 ends it: not inside strings or brackets. */
function readTag(source: string, from: number, close: string): { code: string; end: number; sign: string } {
  const brackets: string[] = [];
  let code = '';
  for (let at = from; at < source.length;) {
    if (brackets.length === 0) {
      const sign = signAt(source, at);
      const signs = sign === '-' || (sign === '+' && close === '%}') ? sign : '';
      if (source.startsWith(close, at + signs.length))
        return { code, end: at + signs.length + close.length, sign: signs };
    }
    const character = source[at]!;
    if (character === '"' || character === "'") {
      const { value, end } = readStrings(source, at);
      code += spelled(value);
      at = end;
      continue;
    }
    const word = sticky(NAME, source, at) ?? sticky(NUMBER, source, at);
    if (word !== null) {
      const afterDot = code.endsWith('.');
      code += /^\d/.test(word) && !afterDot ? plainNumber(word) : word;
      at += word.length;
      continue;
    }
    if (CLOSES[character]) brackets.push(CLOSES[character]);
    else if (')]}'.includes(character) && brackets.pop() !== character)
      throw new SyntaxError(`Unexpected "${character}"`);
    code += IS_SPACE.test(character) ? ' ' : character;
    at++;
  }
  throw new SyntaxError(`Missing "${close}"`);
}

/** A string and those that follow it directly: jinja2 joins them. */
function readStrings(source: string, from: number): { value: string; end: number } {
  let value = '';
  let end = from;
  for (let at = from; source[at] === '"' || source[at] === "'"; at = afterSpaces(source, end)) {
    const literal = sticky(STRING, source, at);
    if (literal === null) throw new SyntaxError('A string does not end');
    value += unescaped(literal.slice(1, -1));
    end = at + literal.length;
  }
  return { value, end };
}

function sticky(pattern: RegExp, source: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0] ?? null;
}

/** Escapes every code unit that the library's lexer, or its search for tags, could take for something else. */
const spelled = (value: string): string =>
  `"${value.replace(/[^A-Za-z0-9_ .,:;|<>/]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;

/** The library knows digits and one point. */
function plainNumber(literal: string): string {
  const digits = literal.replaceAll('_', '');
  if (/^\d+(\.\d+)?$/.test(digits)) return digits;
  const value = Number(digits);
  if (/^0[xob]/i.test(digits) || !Number.isFinite(value)) return String(value);
  if (Number.isInteger(value)) return `${BigInt(value)}.0`;
  if (value >= 1e-6) return String(value); // Smaller ones have an exponent in JavaScript.
  const [mantissa, power] = value.toExponential().split('e');
  return `0.${'0'.repeat(-Number(power) - 1)}${mantissa!.replace('.', '')}`;
}

const SIMPLE: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Python's `unicode-escape` after `backslashreplace`: an unknown escape keeps its backslash. */
function unescaped(text: string): string {
  let done = '';
  for (let at = 0; at < text.length;) {
    const back = text.indexOf('\\', at);
    if (back < 0) return done + text.slice(at);
    done += text.slice(at, back);
    const next = String.fromCodePoint(text.codePointAt(back + 1)!);
    at = back + 1 + next.length;
    const octal = /^[0-7]{1,3}/.exec(text.slice(back + 1, back + 4))?.[0];
    const digits = HEX_DIGITS[next];
    if (octal !== undefined) {
      done += String.fromCharCode(parseInt(octal, 8));
      at = back + 1 + octal.length;
    } else if (digits !== undefined) {
      done += codePoint(text.slice(at, at + digits), digits, next);
      at += digits;
    } else if (next === 'N') {
      throw new SyntaxError('An escape by a character’s name (\\N{...}) is not supported');
    } else {
      done += SIMPLE[next] ?? `\\${pythonAscii(next)}`;
    }
  }
  return done;
}

function codePoint(hex: string, digits: number, kind: string): string {
  const code = parseInt(hex, 16);
  if (!new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(hex) || code > 0x10ffff)
    throw new SyntaxError(`The escape "\\${kind}${hex}" does not end or names no character`);
  return String.fromCodePoint(code);
}

/** A backslash before another letter: jinja2 writes that letter as an escape first, so that only the backslash is left of it. */
function pythonAscii(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x80) return character;
  const hex = code.toString(16);
  if (code < 0x100) return `x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `u${hex.padStart(4, '0')}` : `U${hex.padStart(8, '0')}`;
}
