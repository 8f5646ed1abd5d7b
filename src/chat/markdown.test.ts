// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { IncrementalMarkdown } from './incremental-markdown.ts';
import { renderMarkdown, sanitise } from './markdown.ts';

function html(fragment: DocumentFragment): string {
  const host = document.createElement('div');
  host.append(fragment);
  return host.innerHTML;
}

/** Ways in that have worked somewhere: raw HTML, links, images, SVG, MathML, mutation, clobbering, broken syntax. */
const CORPUS = [
  '<script>window.hit = 1</script>',
  '<img src=x onerror="window.hit = 1">',
  '<svg onload="window.hit = 1"><script>window.hit = 1</script></svg>',
  '<svg><animate onbegin=window.hit=1 attributeName=x dur=1s>',
  '<iframe srcdoc="<script>parent.hit = 1</script>"></iframe>',
  '<a href="javascript:window.hit=1">x</a>',
  '[x](javascript:window.hit=1)',
  '[x](JaVaScRiPt:window.hit=1)',
  '[x](java\nscript:window.hit=1)',
  '[x](&#106;avascript:window.hit=1)',
  '[x](data:text/html,<script>window.hit=1</script>)',
  '[x](vbscript:msgbox)',
  '[x](#/settings)',
  '[x](//evil.example/)',
  '[x]: javascript:window.hit=1\n\n[x]',
  '<javascript:window.hit=1>',
  '![x](https://evil.example/pixel.png)',
  '![x](x "onerror=window.hit=1")',
  '![x" onerror="window.hit=1](https://evil.example/)',
  '[x" onclick="window.hit=1](https://evil.example/" onmouseover="window.hit=1)',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.hit=1&gt;">',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=window.hit=1>',
  '<noscript><p title="</noscript><img src=x onerror=window.hit=1>">',
  '<style>@import "https://evil.example/x.css"; body { background: url(https://evil.example/) }</style>',
  '<link rel="stylesheet" href="https://evil.example/x.css"><meta http-equiv="refresh" content="0;url=https://evil.example/">',
  '<base href="https://evil.example/"><object data="x"></object><embed src="x">',
  '<form action="https://evil.example/"><input name="q" autofocus onfocus="window.hit=1"></form>',
  '<div style="background:url(https://evil.example/)" id="app" name="app">x</div>',
  '<video src=x onerror=window.hit=1></video><audio src=x></audio><picture><source srcset="https://evil.example/"></picture>',
  '```js" onclick="window.hit=1\nx\n```',
  '```<img src=x onerror=window.hit=1>\n<img src=x onerror=window.hit=1>\n```',
  '<kbd onclick="window.hit=1">x</kbd>',
  '| <img src=x onerror=window.hit=1> |\n| --- |\n| <script>window.hit=1</script> |',
  '- [ ] <input type=checkbox onclick=window.hit=1>',
];

const ALLOWED = new Set(
  'A B BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR I KBD LI MARK OL P PRE S STRONG SUB SUP TABLE TBODY TD TH THEAD TR U UL'.split(' '),
);
const ALLOWED_ATTRIBUTES = new Set(['align', 'data-language', 'href', 'rel', 'start', 'target']);

function violations(fragment: DocumentFragment): string[] {
  const host = document.createElement('div');
  host.append(fragment);
  return [...host.querySelectorAll('*')].flatMap((element) => [
    ...(ALLOWED.has(element.tagName) ? [] : [element.tagName]),
    ...[...element.attributes].filter((attribute) => !ALLOWED_ATTRIBUTES.has(attribute.name)).map((attribute) => attribute.name),
    ...(element.tagName === 'A' && element.hasAttribute('href') && !/^(https?|mailto):/.test(element.getAttribute('href')!) ? ['href'] : []),
    ...(element.tagName === 'A' && (element.getAttribute('rel') !== 'noopener noreferrer' || element.getAttribute('target') !== '_blank') ? ['rel'] : []),
  ]);
}

describe('hostile text', () => {
  it.each(CORPUS)('comes out harmless from Markdown: %s', (text) => {
    expect(violations(renderMarkdown(text))).toEqual([]);
  });

  // The second wall, without the renderer in front of it.
  it.each(CORPUS)('comes out harmless from the sanitiser alone: %s', (text) => {
    expect(violations(sanitise(text))).toEqual([]);
  });

  it('is shown as written rather than swallowed', () => {
    expect(html(renderMarkdown('Use the <div> element, not <script>.'))).toContain('Use the &lt;div&gt; element, not &lt;script&gt;.');
  });

  it('keeps what typography needs: language of code, alignment of columns, first number of a list', () => {
    const fragment = renderMarkdown('```ts\nx\n```\n\n| a |\n| -: |\n| 1 |\n\n3. three');
    expect(fragment.querySelector('pre')?.dataset['language']).toBe('ts');
    expect(fragment.querySelector('td')?.getAttribute('align')).toBe('right');
    expect(fragment.querySelector('ol')?.getAttribute('start')).toBe('3');
  });

  it('makes links of images, so that nothing is fetched', () => {
    expect(html(renderMarkdown('![a cat](https://example.org/cat.png)'))).toBe(
      '<p><a href="https://example.org/cat.png" target="_blank" rel="noopener noreferrer">a cat</a></p>\n',
    );
  });
});

describe('IncrementalMarkdown', () => {
  const TEXT = [
    '# Title\n\nA paragraph with **bold**\nand a second line.\n\n',
    '- one\n- two\n\n  still two\n\n1. other\n\n',
    '```js\nconst a = 1;\n\nconst b = 2;\n```\n\n',
    '| a | b |\n| - | - |\n| 1 | 2 |\n\n',
    'Heading by underline\n====\n\n> quote\n> goes on\n\nThe [end][1] is near.\n\n[1]: https://example.org/\n\nSee [it][1] again.',
  ].join('');

  it('shows at the end what a single rendering shows, however the text arrives', () => {
    for (const step of [1, 3, 7, 50]) {
      const host = document.createElement('div');
      const markdown = new IncrementalMarkdown(host);
      for (let end = step; end < TEXT.length; end += step) markdown.update(TEXT.slice(0, end), false);
      markdown.update(TEXT, true);
      expect(host.innerHTML).toBe(html(renderMarkdown(TEXT)));
    }
  });

  it('shows the same while it grows, but for references to what is not there yet', () => {
    const host = document.createElement('div');
    const markdown = new IncrementalMarkdown(host);
    const text = TEXT.slice(0, TEXT.indexOf('The [end]'));
    for (let end = 1; end <= text.length; end++) {
      markdown.update(text.slice(0, end), false);
      const whole = document.createElement('div');
      whole.append(renderMarkdown(text.slice(0, end)));
      expect(host.textContent.replace(/\s+/g, ' ').trim()).toBe(whole.textContent.replace(/\s+/g, ' ').trim());
    }
  });

  it('leaves finished blocks alone', () => {
    const host = document.createElement('div');
    const markdown = new IncrementalMarkdown(host);
    markdown.update('First.\n\nSecond.\n\nThi', false);
    const first = host.querySelector('p');
    markdown.update('First.\n\nSecond.\n\nThird.\n\nFourth', false);
    expect(host.querySelector('p')).toBe(first);
    expect(host.querySelectorAll('p')).toHaveLength(4);
  });

  it('starts over when the text is another one', () => {
    const host = document.createElement('div');
    const markdown = new IncrementalMarkdown(host);
    markdown.update('One.\n\nTwo.\n\nThree', false);
    markdown.update('Other', false);
    expect(host.textContent.trim()).toBe('Other');
  });
});
