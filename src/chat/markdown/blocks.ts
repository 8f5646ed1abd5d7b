/** Markdown as a tree of blocks, each with its HTML: what did not change since the last step is left alone on the page. */
import type { Token } from 'markdown-it';
import { renderTokens } from './parser.ts';

export interface Block {
  /** HTML of the whole block. */
  html: string;
  /** The beginning of a block that holds blocks. Two blocks with the same beginning are one block that grew. */
  open: string;
  /** null: it is drawn as one piece. */
  children: Block[] | null;
  /** Text of a list item without an element of its own. */
  bare: boolean;
  /** Only of a code block. */
  code: { language: string; text: string } | null;
  /** First line of the source; only of outermost blocks. */
  line: number;
}

const HOLDS_BLOCKS = new Set([
  ...['bullet_list_open', 'ordered_list_open', 'list_item_open', 'blockquote_open'],
  ...['table_open', 'thead_open', 'tbody_open', 'tr_open'],
]);

/** Index behind the token that closes the one at `index`. */
function behind(tokens: readonly Token[], index: number): number {
  let depth = 0;
  for (let at = index; at < tokens.length; at++) if ((depth += tokens[at]!.nesting) === 0) return at + 1;
  return tokens.length;
}

function leaf(tokens: Token[]): Block {
  const [first] = tokens;
  const isCode = first!.type === 'fence' || first!.type === 'code_block';
  const html = renderTokens(tokens);
  const open = isCode ? html.slice(0, html.indexOf('>') + 1) : '';
  const code = isCode ? { language: /"(.*)"/.exec(open)?.[1] ?? '', text: first!.content } : null;
  return { html, open, children: null, bare: first!.hidden, code, line: first!.map?.[0] ?? 0 };
}

function holder(tokens: Token[]): Block {
  const [first, last] = [tokens[0]!, tokens.at(-1)!];
  const open = renderTokens([first]).trimEnd();
  const children = blocksOf(tokens.slice(1, -1));
  const newline = children.length > 0 && !children[0]!.bare ? '\n' : '';
  const inner = children.map(({ html, bare }, i) => html + (bare && i + 1 < children.length ? '\n' : '')).join('');
  const html = `${open}${newline}${inner}</${last.tag}>\n`;
  return { html, open, children, bare: false, code: null, line: first.map?.[0] ?? 0 };
}

export function blocksOf(tokens: Token[]): Block[] {
  const blocks: Block[] = [];
  for (let index = 0; index < tokens.length;) {
    const end = behind(tokens, index);
    const part = tokens.slice(index, end);
    blocks.push(HOLDS_BLOCKS.has(part[0]!.type) ? holder(part) : leaf(part));
    index = end;
  }
  return blocks;
}
