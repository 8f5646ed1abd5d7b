/** Formulas in Markdown: `\( \)` and `\[ \]`, `$ $` and `$$ $$`. As `<code data-math>` until they are rendered; see maths.ts. */
import type { MarkedExtension, Tokens } from 'marked';

/** `$5 and $10` is no formula: the first `$` has no blank after it, the last none before it and no digit after it (Pandoc's rule). */
const DOLLARS = /^\$(?![\s$])((?:\\[\s\S]|[^\\$\n])*?[^\s\\$])\$(?![\d$])/;
const INLINE = [DOLLARS, /^\\\(([\s\S]+?)\\\)/];
const DISPLAY = [/^\$\$([\s\S]+?)\$\$/, /^\\\[([\s\S]+?)\\\]/];

interface Formula extends Tokens.Generic {
  tex: string;
  display: boolean;
}

function find(patterns: readonly RegExp[], source: string): RegExpExecArray | null {
  for (const pattern of patterns) {
    const match = pattern.exec(source);
    if (match?.[1]?.trim()) return match;
  }
  return null;
}

/** `escape` is the renderer's own. */
export function texExtension(escape: (text: string) => string): MarkedExtension {
  const renderer = (token: Tokens.Generic) => {
    const { tex, display } = token as Formula;
    return `<code data-math="${display ? 'block' : 'inline'}">${escape(tex)}</code>`;
  };
  const formula = (type: string, match: RegExpExecArray | null, display: boolean): Formula | undefined =>
    match ? { type, raw: match[0], tex: match[1]!.trim(), display } : undefined;
  return {
    extensions: [
      {
        name: 'formula',
        level: 'inline',
        start: (source) => /\$|\\[([]/.exec(source)?.index,
        tokenizer: (source) =>
          formula('formula', find(DISPLAY, source), true) ?? formula('formula', find(INLINE, source), false),
        renderer,
      },
      {
        name: 'formulaBlock',
        level: 'block',
        start: (source) => /\n(?:\$\$|\\\[)/.exec(source)?.index,
        tokenizer(source) {
          const match = find(DISPLAY, source);
          const rest = match && /^[ \t]*(?:\n+|$)/.exec(source.slice(match[0].length));
          return rest ? { ...formula('formulaBlock', match, true)!, raw: match[0] + rest[0] } : undefined;
        },
        renderer: (token) => `<p>${renderer(token)}</p>\n`,
      },
    ],
  };
}
