/**
 * Formulas in Markdown: `\( \)` and `\[ \]`, `$ $` and `$$ $$`, and LaTeX's displays, as a markdown-it plugin. They become `<code data-math>` until they are
 * rendered; see maths.ts. A dollar sign is mostly money or a shell variable, so `$` follows Pandoc's rule (no blank inside, no digit
 * behind) and that of VS Code's plugin (no letter or digit outside). Code spans bind first.
 */
import type { MarkdownIt, StateBlock, StateInline } from 'markdown-it';

const BACKSLASH = 0x5c;
/** Longer text is not a formula. */
const MAX_TEX = 4_000;
const MAX_TEX_LINES = 200;
/** What must not stand before the first `$` or after the last: letters and digits (but the `th` of "the $n$th"), other `$`, and `${`. */
const WORD_BEFORE = /[\w$\\]/;
const WORD_BEHIND = /^(?!(?:th|st|nd|rd|s|es)\b)[\w${]/;
/** TeX beyond doubt, which may stand inside a word: H$_2$O, 10$^6$, 5$\times$3. */
const SURELY_TEX = /^(?:[_^](?:\{[^{}]*\}|\w|\\[a-z]+)$|\\[a-z%])/i;
const DOLLAR_BEFORE = /[$\\_]/;
const DOLLAR_BEHIND = /^[$_{]/;
/** Behind the end of a pattern like `^[a-z]+$` follows its delimiter. */
const PATTERN_END = /[+?\]]/;
const NOT_DELIMITER = /[\w\\({-]/;
/** A `$` that is quoted or listed ("$", ($), 「$」) is the sign itself. */
const NOT_FIRST = /[\s$)"'”’」』）】》,;]/;
const NOT_LAST = /[\s("“‘「『（【《]/;

interface Found {
  tex: string;
  display: boolean;
  end: number;
}

function isEscaped(source: string, position: number): boolean {
  let first = position;
  while (source.charCodeAt(first - 1) === BACKSLASH) first--;
  return (position - first) % 2 === 1;
}

/** Position of `close` behind `from`, not escaped and within reach; -1: none. */
function findClose(source: string, close: string, from: number, reach = MAX_TEX): number {
  const text = source.slice(from, from + reach);
  for (let at = text.indexOf(close); at >= 0; at = text.indexOf(close, at + 1))
    if (!isEscaped(text, at)) return from + at;
  return -1;
}

/** True if a code span begins in `source` at `from` or later, and before `end`. */
function hasCodeSpan(source: string, from: number, end: number): boolean {
  const text = source.slice(from, end + MAX_TEX);
  for (let at = text.indexOf('`'); at >= 0 && at < end - from;) {
    let last = at;
    while (text[last] === '`') last++;
    const run = text.slice(at, last);
    if (!isEscaped(text, at) && new RegExp(`(?<!\`)${run}(?!\`)`).test(text.slice(last))) return true;
    at = text.indexOf('`', last);
  }
  return false;
}

function between(source: string, from: number, close: string, display: boolean): Found | null {
  const end = findClose(source, close, from);
  const tex = end < 0 ? '' : source.slice(from, end);
  if (!tex.trim() || hasCodeSpan(source, from, end)) return null;
  return { tex: tex.trim(), display, end: end + close.length };
}

/** A display formula between two pairs of dollar signs. `$$` is a shell's process, too: `kill $$; echo $$`. */
function doubleDollars(source: string, at: number): Found | null {
  if (/[\w$]/.test(source[at - 1] ?? '')) return null;
  const found = between(source, at + 2, '$$', true);
  if (!found || WORD_BEHIND.test(source.slice(found.end, found.end + 3))) return null;
  const inner = source.slice(at + 2, found.end - 2);
  return /^\s/.test(inner) === /\s$/.test(inner) ? found : null;
}

/** A display formula between brackets; `\\[text\\](address)` is a link that was taken back. */
function brackets(source: string, at: number): Found | null {
  const found = between(source, at + 2, '\\]', true);
  return found && source[found.end] !== '(' ? found : null;
}

/** A formula between single dollar signs, on one line. */
function dollars(source: string, at: number): Found | null {
  const [before, first] = [source[at - 1] ?? '', source[at + 1] ?? ' '];
  if (NOT_FIRST.test(first) || (PATTERN_END.test(before) && !NOT_DELIMITER.test(first))) return null;
  const end = findClose(source, '$', at + 1);
  if (end < 0 || NOT_LAST.test(source[end - 1]!)) return null;
  const tex = source.slice(at + 1, end);
  const [inWordBefore, inWordBehind] = SURELY_TEX.test(tex)
    ? [DOLLAR_BEFORE, DOLLAR_BEHIND]
    : [WORD_BEFORE, WORD_BEHIND];
  if (inWordBefore.test(before) || inWordBehind.test(source.slice(end + 1, end + 4))) return null;
  // $(pwd)$(date) and $A/$(date) are a shell's.
  if (source[end + 1] === '(' && /^\(|[/:=-]$/.test(tex)) return null;
  return tex.includes('\n') || hasCodeSpan(source, at + 1, end) ? null : { tex, display: false, end: end + 1 };
}

/** The formula that begins at `at` in `source`. */
function findFormula(source: string, at: number): Found | null {
  if (source[at] === '$') return source[at + 1] === '$' ? doubleDollars(source, at) : dollars(source, at);
  if (source[at + 1] === '[') return brackets(source, at);
  return source[at + 1] === '(' ? between(source, at + 2, '\\)', false) : null;
}

function inlineRule(state: StateInline, silent: boolean): boolean {
  const first = state.src[state.pos];
  if (first !== '$' && first !== '\\') return false;
  const found = findFormula(state.src, state.pos);
  if (!found || found.end > state.posMax) return false;
  if (!silent) {
    const token = state.push('formula', 'code', 0);
    token.content = found.tex;
    token.meta = { display: found.display };
  }
  state.pos = found.end;
  return true;
}

/** Text of a block's lines from `line` to `endLine`, without the marks of the quotes and lists around it. */
const linesOf = (state: StateBlock, line: number, endLine: number) =>
  state.getLines(line, endLine, state.blkIndent, false);

/** Displays that LaTeX has without dollar signs or brackets around them. */
const ENVIRONMENT = /^\\begin\{((?:equation|align|alignat|gather|multline)\*?)\}/;

/** Marks of a display formula at the beginning of `text`; null: there are none. */
function marksOf(text: string): { open: string; close: string; bare: boolean } | null {
  if (text.startsWith('$$')) return { open: '$$', close: '$$', bare: false };
  if (text.startsWith('\\[')) return { open: '\\[', close: '\\]', bare: false };
  const [open, name] = ENVIRONMENT.exec(text) ?? [];
  return open ? { open, close: `\\end{${name}}`, bare: true } : null;
}

/** A display formula that begins its line and ends one, with blank lines in it if need be. */
function blockRule(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  const start = state.bMarks[startLine]! + state.tShift[startLine]!;
  const marks = marksOf(state.src.slice(start, state.eMarks[startLine]));
  if (!marks || state.sCount[startLine]! - state.blkIndent >= 4) return false;
  const { open, close, bare } = marks;
  const limit = Math.min(endLine, startLine + MAX_TEX_LINES);
  for (let line = startLine, from = start + open.length; line < limit; line++, from = state.bMarks[line]!) {
    if (line > startLine && !state.isEmpty(line) && state.sCount[line]! < state.blkIndent) return false;
    const lineEnd = state.eMarks[line]!;
    const end = findClose(state.src, close, from, lineEnd - from);
    if (end < 0) continue;
    if (state.src.slice(end + close.length, lineEnd).trim()) return false;
    const whole = linesOf(state, startLine, line + 1).trim();
    const tex = bare ? whole : whole.slice(open.length, -close.length).trim();
    return tex !== '' && tex.length <= MAX_TEX && (silent || push(state, startLine, line + 1, tex, 'formula_block'));
  }
  // While a reply streams, the rest of a formula is still to come: it is shown as it is written, not as Markdown.
  const { growing } = state.env as { growing?: boolean };
  const alone = state.src.slice(start, state.eMarks[startLine]).trim() === open;
  if (!growing || silent || !alone || limit < endLine) return false;
  return push(state, startLine, endLine, linesOf(state, startLine, endLine).trim(), 'formula_source');
}

function push(state: StateBlock, startLine: number, line: number, tex: string, type: string): true {
  const token = state.push(type, 'code', 0);
  token.block = true;
  token.content = tex;
  token.map = [startLine, line];
  token.meta = { display: true };
  state.line = line;
  return true;
}

/** markdown-it plugin. With `growing` in its `env`, a display formula without an end is one that still grows. */
export function formulas(md: MarkdownIt): void {
  const alt = ['paragraph', 'reference', 'blockquote', 'list'];
  md.inline.ruler.before('escape', 'formula', inlineRule);
  md.block.ruler.before('fence', 'formula_block', blockRule, { alt });
  md.renderer.rules['formula'] = (tokens, index) => {
    const { content, meta } = tokens[index]!;
    return `<code data-math="${meta?.['display'] ? 'block' : 'inline'}">${md.utils.escapeHtml(content)}</code>`;
  };
  md.renderer.rules['formula_block'] = (...args) => `<p>${md.renderer.rules['formula']!(...args)}</p>\n`;
  md.renderer.rules['formula_source'] = (tokens, index) =>
    `<p><code>${md.utils.escapeHtml(tokens[index]!.content)}</code></p>\n`;
}
