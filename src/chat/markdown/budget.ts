/**
 * Limits the cost of one text. Parsers of Markdown are fast on what people write, but a few kilobytes can ask for a table of 400,000 cells,
 * for 5,000 quotes inside each other, or for 100 MB of repeated addresses. Where a text would exceed a limit, it is cut at the block
 * that does so, and the rest is shown as plain text.
 */
import type { MarkdownIt, StateBlock, StateCore, Token } from 'markdown-it';

export const LIMITS = {
  /** Elements and pieces of text on the page; also the cells of a table before its short rows are filled up. */
  nodes: 10_000,
  /** Elements inside each other, in blocks and in a line. */
  depth: 24,
  /** Markdown that is parsed at all. */
  characters: 300_000,
  lines: 10_000,
  /** One line, and all addresses of links together. */
  lineCharacters: 50_000,
  hrefCharacters: 300_000,
  /** A last resort for texts that the limits above miss. On a busy machine, the limits alone must decide. */
  milliseconds: 1_000,
} as const;

/** The cost of a text so far; passed through the parser in its `env`. */
export class Budget {
  nodes: number;
  hrefs = 0;
  /** Line of the first block that does not fit; null: all of it does. */
  cut: number | null = null;
  /** The step of parsing that is under way has to end. */
  stopped = false;
  /** Line at which the outermost block begins that is being parsed. */
  top = 0;
  readonly #deadline = performance.now() + LIMITS.milliseconds;
  #calls = 0;

  /** `nodes`: of the blocks before this text. */
  constructor(nodes = 0) {
    this.nodes = nodes;
  }

  /** Cuts at the current outermost block. */
  exceed(): void {
    this.cut = Math.min(this.cut ?? this.top, this.top);
    this.stopped = true;
  }

  /** True if `more` nodes would be too many, or the time is up. The clock is read at every 64th call. */
  exceeds(more: number): boolean {
    return this.nodes + more > LIMITS.nodes || ((this.#calls++ & 63) === 0 && performance.now() > this.#deadline);
  }
}

/** Characters of `text`, at most all, that are parsed as Markdown; ends at the end of a line. */
export function parsedLength(text: string): number {
  let start = 0;
  for (let line = 0; start < text.length; line++) {
    const end = text.indexOf('\n', start);
    const next = end < 0 ? text.length : end + 1;
    if (line >= LIMITS.lines || next > LIMITS.characters || next - start > LIMITS.lineCharacters) return start;
    start = next;
  }
  return start;
}

const budgetOf = (state: { env: object }): Budget => (state.env as { budget: Budget }).budget;

/** Cells of a table that begins at `line`, as it will be with its rows filled up; 0: no table. */
function tableCells(state: StateBlock, line: number, endLine: number): number {
  if (line + 1 >= endLine) return 0;
  const text = (index: number) => state.src.slice(state.bMarks[index]! + state.tShift[index]!, state.eMarks[index]);
  const delimiters = text(line + 1);
  if (!/^[-:|][-:|\s]*$/.test(delimiters) || !text(line).includes('|')) return 0;
  const columns = delimiters.split('|').filter((cell) => cell.includes('-')).length;
  let rows = 1;
  for (let next = line + 2; next < endLine && !state.isEmpty(next) && columns * rows <= LIMITS.nodes; next++) rows++;
  return columns * rows;
}

/** A cell is an element and the text in it. */
const NODES_PER_CELL = 2;

/** The first of all block rules: beyond the budget it takes the rest, which `dropRest` removes. */
function blockRule(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  if (silent) return false;
  const budget = budgetOf(state);
  if (state.level === 0) budget.top = startLine;
  const fits =
    state.level < LIMITS.depth &&
    !budget.exceeds(state.tokens.length + NODES_PER_CELL * tableCells(state, startLine, endLine));
  if (!budget.stopped && fits) return false;
  budget.exceed();
  state.line = endLine;
  return true;
}

/** Removes the blocks from the cut on; each outermost token says at which line its block begins. */
function dropRest(state: StateCore): void {
  const budget = budgetOf(state);
  const { cut } = budget;
  budget.stopped = false;
  if (cut === null) return;
  const first = state.tokens.findIndex(({ level, map }) => level === 0 && map !== null && map[0] >= cut);
  if (first >= 0) state.tokens.length = first;
}

/**
 * Parses the text of each block until the budget ends. Replaces markdown-it's own rule, which stops only at the end of
 * the text.
 */
function inlineRule(state: StateCore): void {
  const budget = budgetOf(state);
  for (const token of state.tokens) {
    if (token.level === 0 && token.map) budget.top = token.map[0];
    if (token.type !== 'inline') continue;
    state.md.inline.parse(token.content, state.md, state.env, (token.children ??= []));
    if (budget.stopped || budget.exceeds(token.children.length)) return budget.exceed();
  }
}

function depthOf(children: readonly Token[]): number {
  let depth = 0;
  let deepest = 0;
  for (const { nesting } of children) deepest = Math.max(deepest, (depth += nesting));
  return deepest;
}

/** Counts what has become of the blocks; a block that does not fit is cut. */
function countRule(state: StateCore): void {
  const budget = budgetOf(state);
  for (const token of state.tokens) {
    if (token.level === 0 && token.map) budget.top = token.map[0];
    const children = token.children ?? [];
    budget.nodes += nodesOf(token);
    for (const child of children) budget.hrefs += String(child.attrGet('href') ?? child.attrGet('src') ?? '').length;
    if (budget.nodes > LIMITS.nodes || budget.hrefs > LIMITS.hrefCharacters || depthOf(children) > LIMITS.depth)
      return budget.exceed();
  }
}

/** About as many elements and texts as a token becomes; a formula has one for every two characters. */
function nodesOf(token: Token): number {
  let nodes = token.nesting >= 0 && token.type !== 'inline' ? 1 : 0;
  for (const child of token.children ?? []) {
    if (child.nesting >= 0) nodes++;
    if (child.type === 'formula') nodes += child.content.length >> 1;
  }
  return nodes;
}

/** markdown-it plugin; `env` must hold a `Budget` as `budget`. */
export function withinBudget(md: MarkdownIt): void {
  md.block.ruler.before('table', 'budget', blockRule);
  md.core.ruler.after('block', 'drop_rest', dropRest);
  md.core.ruler.at('inline', inlineRule);
  md.inline.ruler.before('text', 'budget', (state) => {
    const budget = budgetOf(state);
    if (!budget.stopped && !budget.exceeds(state.tokens.length)) return false;
    budget.exceed();
    state.pos = state.posMax;
    return true;
  });
  md.core.ruler.push('count', countRule);
  md.core.ruler.push('drop_rest_again', dropRest);
}
