import type { AddedToken } from './types.ts';

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
// `\s` of JavaScript differs: it takes U+FEFF in and leaves U+0085 out. White space is never outside the basic plane.
const SPACE = /\p{White_Space}/u;

/**
 * Finds added tokens in text: leftmost, then longest, as the `tokenizers` crate does. The JavaScript library finds them too,
 * but cannot be told to leave control tokens alone, so it is given none.
 */
export class AddedTokens {
  readonly #byContent: Map<string, AddedToken>;
  readonly #all: RegExp | null;
  readonly #harmless: RegExp | null;

  constructor(tokens: readonly AddedToken[]) {
    this.#byContent = new Map(tokens.map((token) => [token.content, token]));
    this.#all = alternatives(tokens);
    this.#harmless = alternatives(tokens.filter((token) => !token.control));
  }

  /** Stretches of text and the tokens between them, in order; no empty stretch. `special`: control tokens count. */
  split(text: string, special: boolean): (string | AddedToken)[] {
    const pattern = special ? this.#all : this.#harmless;
    if (!pattern) return text === '' ? [] : [text];
    const parts: (string | AddedToken)[] = [];
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      const token = this.#byContent.get(match[0])!;
      let start = match.index;
      let end = start + match[0].length;
      if (start < from) continue; // inside the white space that the token before took along
      if (token.singleWord && (isWordAt(text, start - 1) || isWordAt(text, end))) continue;
      if (token.lstrip) while (start > from && SPACE.test(text.charAt(start - 1))) start--;
      if (token.rstrip) while (end < text.length && SPACE.test(text.charAt(end))) end++;
      if (start > from) parts.push(text.slice(from, start));
      parts.push(token);
      from = end;
    }
    if (from < text.length) parts.push(text.slice(from));
    return parts;
  }
}

/** Whether the character that has its code unit at `index` is one of a word. */
function isWordAt(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  const first = unit >= 0xdc00 && unit < 0xe000 ? index - 1 : index;
  const code = first < 0 ? undefined : text.codePointAt(first);
  return code !== undefined && WORD.test(String.fromCodePoint(code));
}

/** Longest first: the first alternative that fits is the one taken. */
function alternatives(tokens: readonly AddedToken[]): RegExp | null {
  const contents = tokens.map((token) => token.content).filter((content) => content !== '');
  if (contents.length === 0) return null;
  contents.sort((a, b) => b.length - a.length);
  return new RegExp(contents.map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g');
}
