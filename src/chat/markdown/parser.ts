/**
 * Markdown of a model as HTML: markdown-it with the emphasis rules for Chinese, Japanese and Korean. The first wall against what a
 * model (or a file that it quotes) may write: nothing made here could load or run anything; the second is sanitise.ts. Loaded lazily.
 */
import MarkdownIt, { type StateCore, type Token } from 'markdown-it';
import cjkFriendly from 'markdown-it-cjk-friendly';
import { findAddresses } from './addresses.ts';
import { Budget, parsedLength, withinBudget } from './budget.ts';
import { footnotes } from './footnotes.ts';
import { inlineHtml } from './inline-html.ts';
import { SAFE_HREF } from './sanitise.ts';
import { formulas } from './tex.ts';

/** Definitions of links by name, as markdown-it keeps them. */
export type References = Record<string, { href: string; title: string }>;

export interface Parsed {
  tokens: Token[];
  /** From this line on the text is not in `tokens`, because of the budget; null: all of it is. */
  cut: number | null;
  nodes: number;
  /** Those that were given, and those found. */
  references: References;
}

const md = new MarkdownIt({ breaks: true, linkify: true })
  .use(cjkFriendly)
  .use(formulas)
  .use(footnotes)
  .use(inlineHtml)
  .use(withinBudget);
const { escapeHtml } = md.utils;

md.validateLink = (url) => SAFE_HREF.test(url.trim());
md.linkify = findAddresses();

/** As many characters as a name of a language needs. */
const LANGUAGE = /^[\w+#.-]{1,24}/;

const code = (token: Token): string => {
  const language = LANGUAGE.exec(md.utils.unescapeAll(token.info).trim())?.[0];
  const attribute = language ? ` data-language="${escapeHtml(language)}"` : '';
  return `<pre${attribute}><code>${escapeHtml(token.content)}</code></pre>\n`;
};
md.renderer.rules['fence'] = (tokens, index) => code(tokens[index]!);
md.renderer.rules['code_block'] = (tokens, index) => code(tokens[index]!);

// No image is fetched: a picture's address can carry what was said to whoever serves it.
md.renderer.rules['image'] = (tokens, index, options, env, renderer) => {
  const token = tokens[index]!;
  const href = String(token.attrGet('src') ?? '');
  const label = escapeHtml(renderer.renderInlineAsText(token.children ?? [], options, env) || href);
  return SAFE_HREF.test(href) && !token.meta?.['inLink'] ? `<a href="${escapeHtml(href)}">${label}</a>` : label;
};

/** `style` is not allowed by the page's policy; `align` says the same. No title: it would be a second text over the link. No link in a link: browsers would end the first. */
function attributes({ tokens }: StateCore): void {
  for (const token of tokens) {
    const style = token.type === 'td_open' || token.type === 'th_open' ? token.attrGet('style') : null;
    if (style) token.attrs = [['align', String(style).replace('text-align:', '')]];
    let inLink = false;
    for (const child of token.children ?? []) {
      if (child.type === 'link_open') child.attrs = (child.attrs ?? []).filter(([name]) => name === 'href');
      if (child.type === 'link_open' || child.type === 'link_close') inLink = child.type === 'link_open';
      else if (child.type === 'image') child.meta = { inLink };
    }
  }
}
md.core.ruler.push('attributes', attributes);

const TASK = /^\[([ xX])\][ \t\u00a0]+/;

/** `- [x] done`: the box in place of the bullet. */
function tasks({ tokens }: StateCore): void {
  for (const [index, token] of tokens.entries()) {
    const text = token.type === 'inline' ? token.children?.[0] : undefined;
    const item = tokens[index - 2];
    const mark = text?.type === 'text' && item?.type === 'list_item_open' ? TASK.exec(text.content) : null;
    if (!mark || (mark[0] === text!.content && token.children!.length === 1)) continue;
    text!.content = `${mark[1] === ' ' ? '☐' : '☑'} ${text!.content.slice(mark[0].length)}`;
    item!.attrSet('data-task', mark[1] === ' ' ? 'open' : 'done');
  }
}
md.core.ruler.push('tasks', tasks);

/**
 * Block tokens of `text`, whose line ends are `\n`.
 * @param before what the text before it defined and cost
 * @param growing more text will follow
 */
export function parse(text: string, before?: { references: References; nodes: number }, growing = false): Parsed {
  const budget = new Budget(before?.nodes);
  const env = { references: { ...before?.references }, budget, growing };
  const length = parsedLength(text);
  const tokens = md.parse(text.slice(0, length), env);
  const cut = budget.cut ?? (length < text.length ? lines(text.slice(0, length)) : null);
  return { tokens, cut, nodes: budget.nodes, references: env.references };
}

const lines = (text: string): number => text.split('\n').length - 1;

/** HTML of some of `tokens`, as one piece. */
export const renderTokens = (tokens: Token[]): string => md.renderer.render(tokens, md.options, {});
