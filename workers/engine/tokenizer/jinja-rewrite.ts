/**
 * Jinja that @huggingface/jinja's parser does not know, written in what it does know, one tag at a time: tests with arguments, chained
 * comparisons, tuples of none or one, `with` and `block`, and recursive loops. Names that begin with a blank are ours: no template can write them.
 * Source of the grammar: jinja2 3.1, `parser.py`.
 */
import type { tokenize } from '@huggingface/jinja';

export type Token = ReturnType<typeof tokenize>[number];

/** Filters that stand for tests, tuples and the block `with`. */
export const TEST = ' test';
export const NOT_TEST = ' not test';
export const TUPLE = ' tuple';
export const WITH = ' with';
/** Begins the name of a recursive loop's first variable. */
export const RECURSIVE = ' ';

const OPENS: Readonly<Record<string, string>> = {
  OpenParen: 'CloseParen',
  OpenSquareBracket: 'CloseSquareBracket',
  OpenCurlyBracket: 'CloseCurlyBracket',
};
const CLOSES: ReadonlySet<string> = new Set(Object.values(OPENS));
/** Words behind which a bracket or a value begins anew, and which are no argument of a test. */
const WORDS: ReadonlySet<string> = new Set(['and', 'elif', 'else', 'if', 'in', 'is', 'not', 'or']);

/** For each comparison, the bracket or tag that it stands in. */
const places = new WeakMap<object, Token>();

/** True for comparisons that stand between the same brackets, so that one of them as the other's side is a chain: `1 < x < 3`. */
export const areChained = (a: object, b: object): boolean => places.has(a) && places.get(a) === places.get(b);

/** `tokens` of one tag, its marks included. */
export function rewriteTag(tokens: readonly Token[]): Token[] {
  const open = tokens[0]!;
  const [name, ...rest] = tokens.slice(1, -1);
  const close = tokens.at(-1)!;
  if (!name) return [...tokens];
  if (open.type === 'OpenStatement' && name.type === 'Identifier') {
    if (name.value === 'with') {
      const values = rest.length > 0 ? [mark('OpenParen', '('), ...rewrite(rest, open), mark('CloseParen', ')')] : [];
      return [open, word('filter'), word(WITH), ...values, close];
    }
    if (name.value === 'block') return [open, word('filter'), word(WITH), close];
    if (name.value === 'endwith' || name.value === 'endblock') return [open, word('endfilter'), close];
    if (name.value === 'for' && isWord(rest.at(-1), 'recursive')) {
      const first = rest.findIndex(({ type }) => type === 'Identifier');
      const marked = rest.slice(0, -1).map((token, i) => (i === first ? word(RECURSIVE + token.value) : token));
      return [open, name, ...rewrite(marked, open), close];
    }
    return [open, name, ...rewrite(rest, open), close];
  }
  return [open, ...rewrite([name, ...rest], open), close];
}

const mark = (type: Token['type'], value: string): Token => ({ type, value });
const word = (value: string): Token => mark('Identifier', value);
const isWord = (token: Token | undefined, ...values: string[]): boolean =>
  token?.type === 'Identifier' && values.includes(token.value);

/** `place`: the bracket or tag around the tokens. */
function rewrite(tokens: readonly Token[], place: Token): Token[] {
  const done: Token[] = [];
  for (let at = 0; at < tokens.length;) {
    const token = tokens[at]!;
    const before = tokens[at - 1];
    if (isWord(token, 'is') && before?.type !== 'Dot') at = rewriteTest(tokens, at, place, done);
    else if (OPENS[token.type]) {
      const end = closeOf(tokens, at);
      const inner = rewrite(tokens.slice(at + 1, end), token);
      const closing = tokens.slice(end, end + 1);
      if (token.type === 'OpenParen' && opensGroup(before)) done.push(...group(token, inner, closing));
      else done.push(token, ...inner, ...closing);
      at = end + 1;
    } else {
      if (token.type === 'ComparisonBinaryOperator' || isWord(token, 'in')) places.set(token, place);
      done.push(token);
      at++;
    }
  }
  return done;
}

/** A bracket that is not the arguments of a call. */
const opensGroup = (before: Token | undefined): boolean =>
  !before ||
  !(before.type === 'Identifier' || CLOSES.has(before.type)) ||
  (before.type === 'Identifier' && WORDS.has(before.value));

/** `()` and `(1,)` are tuples; the library's parser knows those of two and more, without a comma at the end. */
function group(open: Token, inner: readonly Token[], close: readonly Token[]): Token[] {
  const ends = inner.at(-1)?.type === 'Comma';
  const content = ends ? inner.slice(0, -1) : inner;
  const isPlain = content.length > 0 && (!ends || commas(content) > 0);
  if (isPlain) return [open, ...content, ...close];
  return [
    open,
    mark('OpenSquareBracket', '['),
    ...content,
    mark('CloseSquareBracket', ']'),
    mark('Pipe', '|'),
    word(TUPLE),
    ...close,
  ];
}

function commas(tokens: readonly Token[]): number {
  let count = 0;
  for (let at = 0; at < tokens.length; at = OPENS[tokens[at]!.type] ? closeOf(tokens, at) + 1 : at + 1)
    if (tokens[at]!.type === 'Comma') count++;
  return count;
}

/** Index of the bracket that closes the one at `open`; the end where none does, which the parser refuses. */
function closeOf(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (OPENS[tokens[at]!.type]) depth++;
    else if (CLOSES.has(tokens[at]!.type) && --depth === 0) return at;
  }
  return tokens.length;
}

/** `x is not divisibleby(2)` becomes `x | not test("divisibleby", 2)`. Returns where the test ends. */
function rewriteTest(tokens: readonly Token[], is: number, place: Token, done: Token[]): number {
  const isNegated = isWord(tokens[is + 1], 'not');
  const at = is + (isNegated ? 2 : 1);
  const name = tokens[at];
  if (name?.type !== 'Identifier') throw new SyntaxError('Expected the name of a test behind "is"');
  const end = endOfArgument(tokens, at + 1);
  const isBracket = tokens[at + 1]?.type === 'OpenParen';
  const args = rewrite(isBracket ? tokens.slice(at + 2, end - 1) : tokens.slice(at + 1, end), place);
  done.push(
    mark('Pipe', '|'),
    word(isNegated ? NOT_TEST : TEST),
    mark('OpenParen', '('),
    mark('StringLiteral', name.value),
    ...(args.length > 0 ? [mark('Comma', ','), ...args] : []),
    mark('CloseParen', ')'),
  );
  return end;
}

/** A test has arguments in brackets, or one value and what is taken out of it: `x is in a.b[0]`. */
function endOfArgument(tokens: readonly Token[], at: number): number {
  const first = tokens[at];
  if (!first) return at;
  if (first.type === 'OpenParen') return closeOf(tokens, at) + 1;
  const isValue = first.type === 'StringLiteral' || first.type === 'NumericLiteral' || OPENS[first.type] !== undefined;
  if (!isValue && (first.type !== 'Identifier' || WORDS.has(first.value))) return at;
  let end = OPENS[first.type] ? closeOf(tokens, at) + 1 : at + 1;
  for (let next = tokens[end]; next; next = tokens[end]) {
    if (next.type === 'Dot') end += 2;
    else if (next.type === 'OpenParen' || next.type === 'OpenSquareBracket') end = closeOf(tokens, end) + 1;
    else break;
  }
  return end;
}
