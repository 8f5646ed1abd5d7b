/**
 * Footnotes as a markdown-it plugin: `[^1]` is a raised 1 where a line `[^1]: ...` explains it, and so is the mark of that line. The notes stay
 * where they are written.
 */
import type { MarkdownIt, StateBlock } from 'markdown-it';

const NOTE = /^\[\^([^\]\s]{1,50})\]:[ \t]*(?=\S)/;
const MARK = /\[\^([^\]\s]{1,50})\](?!:)/y;

/** Names of the notes that a text has; in the `env` of the parser. */
interface Notes {
  notes?: Set<string>;
}

/** As a paragraph of its own, which ends where the next note begins. Before references, which would take a note that is an address. */
function noteRule(state: StateBlock, startLine: number, endLine: number, silent: boolean): boolean {
  const lineOf = (line: number) => state.src.slice(state.bMarks[line]! + state.tShift[line]!, state.eMarks[line]);
  const note = state.sCount[startLine]! - state.blkIndent < 4 ? NOTE.exec(lineOf(startLine)) : null;
  if (!note || silent) return note !== null;
  let line = startLine + 1;
  while (line < endLine && !state.isEmpty(line) && !NOTE.test(lineOf(line)) && state.sCount[line]! >= state.blkIndent)
    line++;
  ((state.env as Notes).notes ??= new Set()).add(note[1]!);
  const open = state.push('paragraph_open', 'p', 1);
  open.map = [startLine, line];
  const inline = state.push('inline', '', 0);
  const text = state.getLines(startLine, line, state.blkIndent, false).trim();
  inline.content = `[^${note[1]!}] ${text.slice(note[0].length)}`;
  inline.map = [startLine, line];
  inline.children = [];
  state.push('paragraph_close', 'p', -1);
  state.line = line;
  return true;
}

export function footnotes(md: MarkdownIt): void {
  md.block.ruler.before('reference', 'note', noteRule, { alt: ['paragraph', 'reference'] });
  md.inline.ruler.before('link', 'note_mark', (state, silent) => {
    MARK.lastIndex = state.pos;
    const mark = MARK.exec(state.src);
    if (!mark || !(state.env as Notes).notes?.has(mark[1]!)) return false;
    if (!silent) state.push('note_mark', 'sup', 0).content = mark[1]!;
    state.pos += mark[0].length;
    return true;
  });
  md.renderer.rules['note_mark'] = (tokens, index) => `<sup>${md.utils.escapeHtml(tokens[index]!.content)}</sup>`;
}
