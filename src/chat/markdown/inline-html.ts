/** Tags without attributes that models write in earnest, as a markdown-it plugin. Any other HTML is shown as it is written. */
import type { MarkdownIt, StateCore, Token } from 'markdown-it';

const TAG = /<\/?(br|sub|sup|kbd|b|i|u|s|em|strong|mark)\s*\/?>/iy;

const isTag = (token: Token | undefined): boolean => token?.type === 'tag';
const closes = (token: Token): boolean => token.content.startsWith('</');

/** Pairs tags, and turns those that close nothing or are never closed into text: an open tag would continue in the next block. */
function pair(children: Token[]): void {
  const open: Token[] = [];
  const asText = (token: Token) => (token.type = 'text');
  for (const token of children) {
    if (isTag(token) && token.tag !== 'br') {
      if (!closes(token)) open.push(token);
      else if (isTag(open.at(-1)) && open.at(-1)!.tag === token.tag) {
        open.pop()!.nesting = 1;
        token.nesting = -1;
      } else asText(token);
    } else if (token.nesting === 1) open.push(token);
    else if (token.nesting === -1) {
      // The end of emphasis or of a link: tags that were opened inside it and not closed there are text.
      for (let last = open.pop(); last && isTag(last); last = open.pop()) asText(last);
    }
  }
  for (const token of open) if (isTag(token)) asText(token);
}

export function inlineHtml(md: MarkdownIt): void {
  md.inline.ruler.before('autolink', 'tag', (state, silent) => {
    TAG.lastIndex = state.pos;
    const match = TAG.exec(state.src);
    if (!match) return false;
    if (!silent) {
      // Not as an opening or a closing token: emphasis may go across what turns out to be text.
      state.push('tag', match[1]!.toLowerCase(), 0).content = match[0];
    }
    state.pos += match[0].length;
    return true;
  });
  md.core.ruler.after('inline', 'pair_tags', (state: StateCore) => {
    for (const { children } of state.tokens) if (children) pair(children);
  });
  md.renderer.rules['tag'] = (tokens, index) => {
    const { tag, nesting } = tokens[index]!;
    return nesting < 0 ? `</${tag}>` : `<${tag}>`;
  };
}
