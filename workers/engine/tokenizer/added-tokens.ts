import type { Normalizer } from './normalizer.ts';
import type { AddedToken } from './types.ts';

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
// `\s` of JavaScript differs: it includes U+FEFF and leaves out U+0085. White space is never outside the basic plane.
const SPACE = /\p{White_Space}/u;

export type Part = string | AddedToken;

/**
 * Finds added tokens in text as the `tokenizers` crate does: first those that are not `normalized`, then the others in what the normaliser
 * makes of the stretches between; each time leftmost, then longest. The JavaScript library finds them too, but takes no account of
 * `single_word`, strips white space by JavaScript's rules, and cannot be told to leave control tokens alone: it is given none.
 */
export class AddedTokens {
  readonly #normalize: Normalizer | null;
  readonly #raw: Matchers;
  readonly #normalized: Matchers;

  constructor(tokens: readonly AddedToken[], normalize: Normalizer | null) {
    this.#normalize = normalize;
    const content = (token: AddedToken) => token.content;
    this.#raw = new Matchers(tokens, (token) => (token.normalized ? null : content(token)));
    this.#normalized = new Matchers(tokens, (token) => {
      if (!token.normalized) return null;
      return normalize ? normalize(content(token)) : content(token);
    });
  }

  /** Normalised stretches of text and the tokens between them, in order; no empty stretch. `special`: control tokens count. */
  split(text: string, special: boolean): Part[] {
    const normalized = this.#normalized.get(special);
    return splitBy(this.#raw.get(special), text).flatMap((part) =>
      typeof part === 'string' ? splitBy(normalized, this.#normalize ? this.#normalize(part) : part) : [part],
    );
  }
}

/** Search patterns with and without control tokens, built on first use. */
class Matchers {
  readonly #tokens: readonly AddedToken[];
  readonly #contentOf: (token: AddedToken) => string | null;
  readonly #built = new Map<boolean, Branch>();

  constructor(tokens: readonly AddedToken[], contentOf: (token: AddedToken) => string | null) {
    this.#tokens = tokens;
    this.#contentOf = contentOf;
  }

  get(special: boolean): Branch {
    const known = this.#built.get(special);
    if (known) return known;
    const root = new Branch();
    for (const token of this.#tokens) {
      const content = special || !token.control ? this.#contentOf(token) : null;
      if (content) root.add(content, token);
    }
    this.#built.set(special, root);
    return root;
  }
}

/** A node of a prefix tree over UTF-16 code units. */
class Branch {
  token: AddedToken | null = null;
  readonly next = new Map<number, Branch>();

  add(content: string, token: AddedToken): void {
    let node = this as Branch;
    for (let i = 0; i < content.length; i++) {
      const unit = content.charCodeAt(i);
      let child = node.next.get(unit);
      if (!child) node.next.set(unit, (child = new Branch()));
      node = child;
    }
    node.token ??= token;
  }

  /** The longest token that begins at `start`, and where it ends. */
  longest(text: string, start: number): { token: AddedToken; end: number } | null {
    let found: { token: AddedToken; end: number } | null = null;
    let node = this.next.get(text.charCodeAt(start));
    for (let at = start + 1; node; node = node.next.get(text.charCodeAt(at++)))
      if (node.token) found = { token: node.token, end: at };
    return found;
  }
}

function splitBy(root: Branch, text: string): Part[] {
  if (root.next.size === 0) return text === '' ? [] : [text];
  const parts: Part[] = [];
  let from = 0;
  for (let at = 0; at < text.length;) {
    const match = root.longest(text, at);
    if (!match) {
      at++;
      continue;
    }
    const { token } = match;
    let { end } = match;
    let start = at;
    at = end;
    if (token.singleWord && (isWordAt(text, start - 1) || isWordAt(text, end))) continue;
    if (token.lstrip) {
      while (start > from && SPACE.test(text.charAt(start - 1))) start--;
      start = Math.max(start, from);
    }
    if (token.rstrip) while (end < text.length && SPACE.test(text.charAt(end))) end++;
    if (start >= end) continue;
    if (start > from) parts.push(text.slice(from, start));
    parts.push(token);
    // May lie before `from`: a token of white space counts once more inside what the token before took along, as in the crate.
    from = end;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

/** True if the character with its code unit at `index` belongs to a word. */
function isWordAt(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  const first = unit >= 0xdc00 && unit < 0xe000 ? index - 1 : index;
  const code = first < 0 ? undefined : text.codePointAt(first);
  return code !== undefined && WORD.test(String.fromCodePoint(code));
}
