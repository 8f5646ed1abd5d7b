/**
 * Markdown of a model, as DOM. Two walls against what a model (or a file that it quotes) may write: the renderer below makes no
 * element that could load or run anything, and DOMPurify removes what is not on the list. This module is loaded lazily.
 */
import DOMPurify, { type Config } from 'dompurify';
import type { Token, TokensList } from 'marked';
import { Lexer, Marked } from 'marked';
import { texExtension } from './tex.ts';

/** Tags without attributes that models write in earnest; any other HTML is shown as it is written. */
const INLINE_HTML = /^<\/?(?:br|sub|sup|kbd|b|i|u|s|em|strong|mark)\s*\/?>$/i;
const SAFE_HREF = /^(?:https?:|mailto:)/i;

const ALLOWED_TAGS = [
  'a',
  'b',
  'blockquote',
  'br',
  'code',
  'del',
  'em',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
  'i',
  'kbd',
  'li',
  'mark',
  'ol',
  'p',
  'pre',
  's',
  'strong',
  'sub',
  'sup',
  'table',
  'tbody',
  'td',
  'th',
  'thead',
  'tr',
  'u',
  'ul',
];
const ALLOWED_ATTR = ['align', 'data-language', 'data-math', 'href', 'start'];

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => (INLINE_HTML.test(text.trim()) ? text : escapeHtml(text)),
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      return SAFE_HREF.test(href) ? `<a href="${escapeHtml(href)}">${text}</a>` : text;
    },
    // No image is fetched: a picture's address can carry what was said to whoever serves it.
    image({ href, text }) {
      const label = escapeHtml(text || href);
      return SAFE_HREF.test(href) ? `<a href="${escapeHtml(href)}">${label}</a>` : label;
    },
    code({ text, lang }) {
      const language = /^[\w+#.-]{1,24}/.exec(lang ?? '')?.[0] ?? '';
      return `<pre data-language="${escapeHtml(language)}"><code>${escapeHtml(text)}\n</code></pre>`;
    },
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
});

marked.use(texExtension(escapeHtml));

const purifier = DOMPurify(window);

/** Links leave the page for a new tab that knows nothing of ours. Set after sanitising, so that no text can say otherwise. */
purifier.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return;
  if (!SAFE_HREF.test(node.getAttribute('href') ?? '')) node.removeAttribute('href');
  node.setAttribute('target', '_blank');
  node.setAttribute('rel', 'noopener noreferrer');
});

/** What may come out, by what goes in: our own rendering of Markdown, highlight.js's of code, Temml's of formulas. */
const PROFILES = {
  markdown: {
    ALLOWED_TAGS,
    ALLOWED_ATTR,
    ALLOWED_URI_REGEXP: SAFE_HREF,
    // Every other value is taken for an address and measured by the line above.
    ADD_URI_SAFE_ATTR: ['align', 'data-language', 'data-math', 'start'],
  },
  code: { ALLOWED_TAGS: ['span'], ALLOWED_ATTR: ['class'] },
  // `data-style` becomes styles in maths.ts. No formula links anywhere.
  maths: {
    USE_PROFILES: { mathMl: true },
    ADD_ATTR: ['class', 'data-style'],
    ADD_URI_SAFE_ATTR: ['data-style'],
    FORBID_ATTR: ['href', 'id', 'style', 'xlink:href'],
    FORBID_TAGS: ['maction'],
  },
} satisfies Record<string, Config>;

/** HTML as a fragment of allowed elements only. No string of ours ever reaches `innerHTML` (Trusted Types). */
export function sanitise(html: string, profile: keyof typeof PROFILES = 'markdown'): DocumentFragment {
  return purifier.sanitize(html, {
    ...PROFILES[profile],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

/** Parses all of `text`. */
export function renderMarkdown(text: string): DocumentFragment {
  return renderTokens(lex(text, {}));
}

/** Block tokens of `text`; `links` are the reference definitions of the text before it, and take up those found. */
export function lex(text: string, links: TokensList['links']): TokensList {
  const lexer = new Lexer(marked.defaults);
  lexer.tokens.links = links;
  return lexer.lex(text);
}

export function renderTokens(tokens: Token[]): DocumentFragment {
  return sanitise(marked.parser(tokens));
}
