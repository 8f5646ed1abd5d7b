/**
 * Checks the patterns of a stranger's tokenizer: JavaScript's backtracking matcher could take hours over one message.
 */
import { unsupportedTokenizer } from './refusal.ts';

/** The longest in use, Phi-4-mini's, has 400. */
const MAX_PATTERN = 4096;
/** Open repetitions one behind the other. Published patterns have two, and nothing that must match behind them. */
const MAX_OPEN = 2;
/** A count above this costs as much as an open repetition. */
const MANY = 100;
/** Ways through the options and alternatives of one branch; published patterns have about 50. */
const MAX_WAYS = 10_000;
const MAX_DEPTH = 32;

const GROUP = /\((?:\?(?:[a-zA-Z-]*:|<?[=!]|>|<[A-Za-z_]\w*>))?/y;
const ESCAPE = /\\(?:[pPxuok]\{[^}]*\}|k<[^>]*>|[1-9]\d*|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[^])/y;
const QUANTIFIER = /(?:[*+?]|\{(\d*)(?:(,)(\d*))?\})[?+]*/y;

/**
 * Throws `unsupported-model` for a pattern that may take more than the square of a text's length: a repetition of something that itself
 * varies, back references, three open repetitions in one branch or two with something that must match behind them, thousands of ways
 * through one branch.
 */
export function checkPattern(pattern: string): void {
  if (pattern.length > MAX_PATTERN) throw unsupportedTokenizer(`a pattern of ${pattern.length} characters`);
  new PatternCheck(pattern).group(0, 0);
}

interface Shape {
  /** It can match the same place in more than one way. */
  varies: boolean;
  /** Open repetitions in its worst branch. */
  open: number;
  /** At most this many of them may be followed by something that must match. */
  must: number;
  ways: number;
  end: number;
}

interface Repetition {
  least: number;
  most: number;
  end: number;
}

class PatternCheck {
  readonly #pattern: string;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  /** From `from` to behind the closing parenthesis, at depth 0 to the end. */
  group(from: number, depth: number): Shape {
    if (depth > MAX_DEPTH) this.#refuse(`groups nested more than ${MAX_DEPTH} deep`);
    const whole: Shape = { varies: false, open: 0, must: 0, ways: 0, end: this.#pattern.length };
    let branch = { open: 0, must: 0, ways: 1 };
    const close = () => {
      whole.open = Math.max(whole.open, branch.open);
      whole.must = Math.max(whole.must, branch.must);
      whole.ways += branch.ways;
      branch = { open: 0, must: 0, ways: 1 };
    };
    for (let at = from; at < this.#pattern.length;) {
      const character = this.#pattern[at]!;
      if (character === ')' && depth > 0) {
        whole.end = at + 1;
        break;
      }
      if (character === '|') {
        close();
        whole.varies = true;
        at++;
        continue;
      }
      const atom = this.#atom(at, depth);
      const count = this.#repetition(atom.end);
      if (count.most > 1 && atom.varies) this.#refuse('a repetition of something that varies');
      const isOpen = count.most - count.least > MANY;
      const open = isOpen ? 1 : atom.open;
      if (open === 0 && count.least > 0) branch.must = branch.open;
      else if (!isOpen && atom.must > 0) branch.must = branch.open + atom.must;
      branch.open += open;
      if (branch.must >= MAX_OPEN) this.#refuse('something that must match behind two open repetitions');
      branch.ways *= isOpen ? 1 : atom.ways + (count.most - count.least);
      whole.varies ||= count.most !== count.least || atom.varies;
      if (branch.open > MAX_OPEN) this.#refuse(`more than ${MAX_OPEN} open repetitions in a row`);
      if (branch.ways > MAX_WAYS) this.#refuse('too many options in a row');
      at = count.end;
    }
    close();
    return whole;
  }

  #atom(at: number, depth: number): Shape {
    const plain = { varies: false, open: 0, must: 0, ways: 1 };
    const character = this.#pattern[at]!;
    if (character === '(') return this.group(at + this.#match(GROUP, at)![0].length, depth + 1);
    if (character === '[') return { ...plain, end: this.#classEnd(at) };
    if (character !== '\\') return { ...plain, end: at + 1 };
    const escape = this.#match(ESCAPE, at)?.[0] ?? this.#refuse('an escape that does not end');
    if (/^\\[1-9kg]/.test(escape)) this.#refuse('a back reference');
    return { ...plain, end: at + escape.length };
  }

  #classEnd(from: number): number {
    let depth = 0;
    for (let at = from; at < this.#pattern.length; at++) {
      const character = this.#pattern[at];
      if (character === '\\') at++;
      else if (character === '[') {
        depth++;
        if (this.#pattern[at + 1] === '^') at++;
        // A closing bracket right at the start stands for itself.
        if (this.#pattern[at + 1] === ']') at++;
      } else if (character === ']' && --depth === 0) return at + 1;
    }
    return this.#refuse('a class of characters that does not end');
  }

  #repetition(at: number): Repetition {
    const found = this.#match(QUANTIFIER, at);
    if (!found || found[0].startsWith('{}')) return { least: 1, most: 1, end: at };
    const [text, low, comma, high] = found;
    const end = at + text.length;
    if (text.startsWith('?')) return { least: 0, most: 1, end };
    if (text.startsWith('*')) return { least: 0, most: Infinity, end };
    if (text.startsWith('+')) return { least: 1, most: Infinity, end };
    const least = Number(low || 0);
    const most = comma === undefined ? least : high ? Number(high) : Infinity;
    if (least > MANY) this.#refuse(`more than ${MANY} of something`);
    return { least, most, end };
  }

  #match(expression: RegExp, at: number): RegExpExecArray | null {
    expression.lastIndex = at;
    return expression.exec(this.#pattern);
  }

  #refuse(what: string): never {
    throw unsupportedTokenizer(
      `the pattern ${JSON.stringify(this.#pattern.slice(0, 100))}, which may need hours for one message (${what})`,
    );
  }
}
