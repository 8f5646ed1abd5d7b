// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { renderMaths, safeStyles } from './maths.ts';
import { sanitise } from './sanitise.ts';
import { render } from './testing/html.ts';
import { cpuMs, expectWithin } from '../../../workers/testing/timing.ts';

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
  '$<img src=x onerror=window.hit=1>$',
  '$$</code><script>window.hit=1</script>$$',
  '\\[" onclick="window.hit=1\\]',
  '```html\n<script>window.hit = 1</script><img src=x onerror="window.hit=1">\n```',
];

/** Formulas that try to link, load, style or run, or to fill memory. */
const HOSTILE_TEX = [
  '\\href{javascript:window.hit=1}{x}',
  '\\url{https://evil.example/}',
  '\\includegraphics{https://evil.example/x.png}',
  '\\class{" onclick="window.hit=1}{x}',
  '\\id{app}{x}',
  '\\style{background:url(https://evil.example/)}{x}',
  '\\text{<img src=x onerror=window.hit=1>}',
  '\\text{</math><script>window.hit=1</script>}',
  '\\color{url(https://evil.example/)}{x}',
  '\\colorbox{red;background:url(x)}{x}',
  '\\def\\a{\\a\\a}\\a',
  '\\def\\a#1{#1#1}\\a{\\a{\\a{\\a{\\a{\\a{\\a{\\a{xxxxxxxx}}}}}}}}',
  'x'.repeat(100_000),
  '\\rule{1e9em}{1e9em}',
  '\\unknown{x}',
  '{'.repeat(3000),
];

const ALLOWED = new Set(
  'A B BLOCKQUOTE BR CODE DEL EM H1 H2 H3 H4 H5 H6 HR I KBD LI MARK OL P PRE S STRONG SUB SUP TABLE TBODY TD TH THEAD TR U UL'.split(
    ' ',
  ),
);
const ALLOWED_ATTRIBUTES = new Set([
  'align',
  'data-language',
  'data-math',
  'data-task',
  'href',
  'rel',
  'start',
  'target',
]);

function violations(fragment: DocumentFragment): string[] {
  const host = document.createElement('div');
  host.append(fragment);
  return [...host.querySelectorAll('*')].flatMap((element) => [
    ...(ALLOWED.has(element.tagName) ? [] : [element.tagName]),
    ...[...element.attributes]
      .filter((attribute) => !ALLOWED_ATTRIBUTES.has(attribute.name))
      .map((attribute) => attribute.name),
    ...(element.tagName === 'A' &&
    element.hasAttribute('href') &&
    !/^(https?|mailto):/.test(element.getAttribute('href')!)
      ? ['href']
      : []),
    ...(element.tagName === 'A' &&
    (element.getAttribute('rel') !== 'noopener noreferrer' || element.getAttribute('target') !== '_blank')
      ? ['rel']
      : []),
  ]);
}

describe('hostile text', () => {
  it.each(CORPUS)('comes out harmless from Markdown: %s', (text) => {
    expect(violations(render(text))).toEqual([]);
  });

  // The second wall, without the renderer in front of it.
  it.each(CORPUS)('comes out harmless from the sanitiser alone: %s', (text) => {
    expect(violations(sanitise(text))).toEqual([]);
  });

  it.each(HOSTILE_TEX)('comes out harmless from formulas: %.40s', (tex) => {
    const started = cpuMs();
    const maths = renderMaths(tex, true);
    expectWithin(cpuMs() - started, 2000);
    const host = document.createElement('div');
    host.append(maths ?? '');
    for (const element of host.querySelectorAll('*')) {
      expect(element.namespaceURI).toBe('http://www.w3.org/1998/Math/MathML');
      for (const { name, value } of element.attributes) {
        expect(name).not.toMatch(/^on|href|^src|^id$|^data-/);
        expect(value).not.toMatch(/url|javascript/);
      }
    }
    expect(host.innerHTML.length).toBeLessThan(100_000);
  });

  it('is shown as written rather than swallowed', () => {
    expect(html(render('Use the <div> element, not <script>.'))).toContain(
      'Use the &lt;div&gt; element, not &lt;script&gt;.',
    );
  });

  it('keeps what typography needs: language of code, alignment of columns, first number of a list', () => {
    const fragment = render('```ts\nx\n```\n\n| a |\n| -: |\n| 1 |\n\n3. three');
    expect(fragment.querySelector('pre')?.dataset['language']).toBe('ts');
    expect(fragment.querySelector('td')?.getAttribute('align')).toBe('right');
    expect(fragment.querySelector('ol')?.getAttribute('start')).toBe('3');
  });

  it('makes links of images, so that nothing is fetched', () => {
    expect(html(render('![a cat](https://example.org/cat.png)'))).toBe(
      '<p><a href="https://example.org/cat.png" target="_blank" rel="noopener noreferrer">a cat</a></p>\n',
    );
  });
});

describe('formulas', () => {
  it('become MathML, or stay as they are', () => {
    expect(renderMaths('\\frac{a}{b}', false)?.querySelector('mfrac')).not.toBeNull();
    expect(
      safeStyles(
        'color:#ff0000; padding-left:0.5em;background-image:url(x);border:1px solid;color:url(x);position:fixed',
      ),
    ).toEqual([
      ['color', '#ff0000'],
      ['padding-left', '0.5em'],
      ['border', '1px solid'],
    ]);
    expect(renderMaths('\\frac{a', false)).toBeNull();
  });
});
