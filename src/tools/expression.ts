/** Arithmetic: a parser that computes as it reads, with 40 digits. Nothing is evaluated as code. */
import { Decimal } from 'decimal.js';
import { decimalText } from './decimal.ts';

/** Beyond 10^3000 a result is refused, so that no input takes long. */
const Exact = Decimal.clone({ precision: 40, maxE: 3_000, minE: -3_000 });
const MOST_CHARACTERS = 1_000;
const MOST_DEPTH = 50;
const MOST_FACTORIAL = 500;
const MOST_ANGLE = 1e15;
/** Digits that are shown of a result that is not a whole number. */
const SHOWN_DIGITS = 15;

const PI = Exact.acos(-1);
const DEGREE = PI.div(180);
const CONSTANTS: Readonly<Record<string, Decimal>> = { pi: PI, π: PI, e: Exact.exp(1) };

type Call = (...values: Decimal[]) => Decimal;
/** By name: how many arguments it takes at least and at most, and what it does. */
const FUNCTIONS: Readonly<Record<string, readonly [least: number, most: number, call: Call]>> = {
  abs: [1, 1, (x) => x.abs()],
  sqrt: [1, 1, (x) => x.sqrt()],
  cbrt: [1, 1, (x) => x.cbrt()],
  exp: [1, 1, (x) => x.exp()],
  ln: [1, 1, (x) => x.ln()],
  log: [1, 2, (x, base) => (base ? x.log(base) : x.log(10))],
  log10: [1, 1, (x) => x.log(10)],
  log2: [1, 1, (x) => x.log(2)],
  sin: [1, 1, (x) => angle(x).sin()],
  cos: [1, 1, (x) => angle(x).cos()],
  tan: [1, 1, (x) => angle(x).tan()],
  asin: [1, 1, (x) => x.asin()],
  acos: [1, 1, (x) => x.acos()],
  atan: [1, 1, (x) => x.atan()],
  deg: [1, 1, (x) => x.div(DEGREE)],
  rad: [1, 1, (x) => x.times(DEGREE)],
  floor: [1, 1, (x) => x.floor()],
  ceil: [1, 1, (x) => x.ceil()],
  round: [1, 2, (x, places) => x.toDecimalPlaces(places ? wholeOf(places, 0, 30) : 0)],
  min: [1, 100, (...all) => Exact.min(...all)],
  max: [1, 100, (...all) => Exact.max(...all)],
  mod: [2, 2, (x, y) => modulo(x, y)],
  pow: [2, 2, (x, y) => x.pow(y)],
  factorial: [1, 1, (x) => factorial(x)],
};

const TOKENS =
  /\s*(?:(\d+(?:_\d+)*(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([\p{L}][\p{L}\p{N}_]*)|(\*\*|[-+*/^%!(),]))/uy;

interface Token {
  kind: 'number' | 'name' | 'sign' | 'end';
  text: string;
  /** Place in the expression, from 1. */
  at: number;
}

/**
 * The value as text: whole numbers in full, others with 15 digits.
 * @throws Error that says what is wrong and where
 */
export function evaluate(expression: string): string {
  if (expression.length > MOST_CHARACTERS)
    throw new Error(`The expression has ${expression.length} characters. The limit is ${MOST_CHARACTERS}.`);
  return shown(new Parser(tokensOf(plainSigns(expression))).whole());
}

/** Signs as people and models write them. */
const plainSigns = (text: string): string =>
  text.normalize('NFKC').replace(/[×·⋅]/g, '*').replace(/÷/g, '/').replace(/[−–]/g, '-').replace(/√/g, 'sqrt');

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKENS.lastIndex = 0;
  while (text.slice(TOKENS.lastIndex).trim() !== '') {
    const from = TOKENS.lastIndex;
    const found = TOKENS.exec(text);
    if (!found) {
      const rest = text.slice(from);
      const at = from + rest.length - rest.trimStart().length;
      throw new Error(
        `"${String.fromCodePoint(text.codePointAt(at)!)}" at character ${at + 1} is not part of an expression.`,
      );
    }
    const [, number, name, sign] = found;
    const value = number ?? name ?? sign!;
    const kind = number !== undefined ? 'number' : name !== undefined ? 'name' : 'sign';
    tokens.push({ kind, text: value, at: TOKENS.lastIndex - value.length + 1 });
  }
  return [...tokens, { kind: 'end', text: '', at: text.length + 1 }];
}

/** sum = product (("+" | "-") product)*, product = sign (("*" | "/" | "%") sign)*, sign = "-"* power, power = postfix ("^" sign)? */
class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Decimal {
    const value = this.#sum();
    if (this.#token.kind !== 'end') throw this.#unexpected();
    return value;
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #take(...signs: string[]): string | null {
    const { kind, text } = this.#token;
    if (kind !== 'sign' || !signs.includes(text)) return null;
    this.#next++;
    return text;
  }

  #unexpected(): Error {
    const { kind, text, at } = this.#token;
    return new Error(
      kind === 'end' ? 'The expression ends too early.' : `"${text}" at character ${at} does not belong there.`,
    );
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > MOST_DEPTH) throw new Error(`The expression is nested more than ${MOST_DEPTH} levels deep.`);
    const value = read();
    this.#depth--;
    return value;
  }

  #sum(): Decimal {
    return this.#deeper(() => {
      let value = this.#product();
      for (let sign = this.#take('+', '-'); sign; sign = this.#take('+', '-')) {
        const right = this.#product();
        value = checked(sign === '+' ? value.plus(right) : value.minus(right));
      }
      return value;
    });
  }

  #product(): Decimal {
    let value = this.#signed();
    for (let sign = this.#take('*', '/', '%'); sign; sign = this.#take('*', '/', '%')) {
      const right = this.#signed();
      value = checked(sign === '*' ? value.times(right) : sign === '/' ? quotient(value, right) : modulo(value, right));
    }
    return value;
  }

  #signed(): Decimal {
    const sign = this.#take('-', '+');
    if (!sign) return this.#power();
    const value = this.#deeper(() => this.#signed());
    return sign === '-' ? value.negated() : value;
  }

  #power(): Decimal {
    const base = this.#postfix();
    if (!this.#take('^', '**')) return base;
    return checked(base.pow(this.#deeper(() => this.#signed())));
  }

  #postfix(): Decimal {
    let value = this.#primary();
    for (;;) {
      if (this.#take('!')) value = checked(factorial(value));
      else if (this.#isPercent()) {
        this.#next++;
        value = value.div(100);
      } else return value;
    }
  }

  /** "%" behind a value is per cent, unless a value follows. */
  #isPercent(): boolean {
    if (this.#token.kind !== 'sign' || this.#token.text !== '%') return false;
    const { kind, text } = this.#tokens[this.#next + 1]!;
    return kind === 'end' || (kind === 'sign' && text !== '(');
  }

  #primary(): Decimal {
    const { kind, text } = this.#token;
    if (kind === 'number') {
      this.#next++;
      return checked(new Exact(text.replaceAll('_', '')));
    }
    if (kind === 'name') return this.#named(text);
    if (!this.#take('(')) throw this.#unexpected();
    const value = this.#sum();
    if (!this.#take(')')) throw this.#unexpected();
    return value;
  }

  #named(text: string): Decimal {
    const name = text.toLowerCase();
    const entry = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name]! : null;
    const constant = Object.hasOwn(CONSTANTS, name) ? CONSTANTS[name]! : null;
    if (!entry && !constant)
      throw new Error(
        `"${text}" is not a known function or constant. Use one of: ${[...Object.keys(FUNCTIONS), 'pi', 'e'].join(', ')}.`,
      );
    this.#next++;
    if (!entry) return constant!;
    const [least, most, call] = entry;
    if (!this.#take('(')) throw new Error(`"${text}" needs its argument in brackets: ${name}(2).`);
    const values = [this.#sum()];
    while (this.#take(',')) values.push(this.#sum());
    if (!this.#take(')')) throw this.#unexpected();
    if (values.length < least || values.length > most)
      throw new Error(
        `"${text}" takes ${least === most ? least : `${least} to ${most}`} arguments, not ${values.length}.`,
      );
    return checked(call(...values));
  }
}

function checked(value: Decimal): Decimal {
  if (value.isNaN()) throw new Error('The result is not a real number.');
  if (!value.isFinite()) throw new Error('The result is too large.');
  return value;
}

function quotient(value: Decimal, by: Decimal): Decimal {
  if (by.isZero()) throw new Error('Division by zero.');
  return value.div(by);
}

function modulo(value: Decimal, by: Decimal): Decimal {
  if (by.isZero()) throw new Error('Division by zero.');
  return value.mod(by);
}

/** More turns than 40 digits can tell apart would take long and mean nothing. */
function angle(value: Decimal): Decimal {
  if (value.abs().gt(MOST_ANGLE)) throw new Error(`An angle must lie between -${MOST_ANGLE} and ${MOST_ANGLE}.`);
  return value;
}

function wholeOf(value: Decimal, least: number, most: number): number {
  if (!value.isInteger() || value.lt(least) || value.gt(most))
    throw new Error(`${value.toString()} is not a whole number from ${least} to ${most}.`);
  return value.toNumber();
}

function factorial(value: Decimal): Decimal {
  const count = wholeOf(value, 0, MOST_FACTORIAL);
  let product = new Exact(1);
  for (let factor = 2; factor <= count; factor++) product = product.times(factor);
  return product;
}

function shown(value: Decimal): string {
  const exact = value.isInteger() && value.abs().lt('1e40');
  if (exact) return value.toFixed();
  return decimalText(value, SHOWN_DIGITS);
}
