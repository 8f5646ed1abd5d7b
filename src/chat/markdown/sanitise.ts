/** The second wall behind our own renderer: DOMPurify lets through only what is on these lists. */
import DOMPurify, { type Config } from 'dompurify';

export const SAFE_HREF = /^(?:https?:|mailto:)/i;

const ALLOWED_TAGS = [
  ...['a', 'b', 'blockquote', 'br', 'code', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr', 'i', 'kbd', 'li', 'mark'],
  ...['ol', 'p', 'pre', 's', 'strong', 'sub', 'sup', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'u', 'ul'],
];

/** The allowed output for each kind of input: our own rendering of Markdown, or Temml's of formulas. */
const PROFILES = {
  markdown: {
    ALLOWED_TAGS,
    ALLOWED_ATTR: ['align', 'data-language', 'data-math', 'data-task', 'data-unformatted', 'href', 'start'],
    ALLOWED_URI_REGEXP: SAFE_HREF,
    // DOMPurify treats every other value as an address and checks it against the line above.
    ADD_URI_SAFE_ATTR: ['align', 'data-language', 'data-math', 'data-task', 'data-unformatted', 'start'],
  },
  // `data-style` becomes styles in maths.ts. A formula never links.
  maths: {
    USE_PROFILES: { mathMl: true },
    ADD_ATTR: ['class', 'data-style'],
    ADD_URI_SAFE_ATTR: ['data-style'],
    FORBID_ATTR: ['href', 'id', 'style', 'xlink:href'],
    FORBID_TAGS: ['maction'],
  },
} satisfies Record<string, Config>;

const purifier = DOMPurify(window);

/** Links open a new tab that knows nothing of this one. Set after sanitising, so that no text can say otherwise. */
purifier.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return;
  if (!SAFE_HREF.test(node.getAttribute('href') ?? '')) node.removeAttribute('href');
  node.setAttribute('target', '_blank');
  node.setAttribute('rel', 'noopener noreferrer');
});

/** HTML as a fragment of allowed elements only. No string of ours ever reaches `innerHTML` (Trusted Types). */
export function sanitise(html: string, profile: keyof typeof PROFILES = 'markdown'): DocumentFragment {
  return purifier.sanitize(html, {
    ...PROFILES[profile],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
