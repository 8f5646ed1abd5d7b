// @vitest-environment jsdom
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { normalise, render, toHtml } from './testing/html.ts';
import references from './testing/remark-references.json' with { type: 'json' };

interface Case {
  input: string;
  html: string;
}

/** The folder of inputs beside the repository, where there is one. */
const CASES = join(import.meta.dirname, '../../../../shared/cases/markdown');
const shared = <T>(name: string): T[] =>
  existsSync(join(CASES, name)) ? (JSON.parse(readFileSync(join(CASES, name), 'utf8')) as T[]) : [];

const link = (href: string, text = href) => `<a href="${href}">${text}</a>`;

describe('Markdown as CommonMark and GitHub have it', () => {
  // Made with remark 15, remark-gfm 4 (singleTilde: false) and remark-cjk-friendly, which share no code with markdown-it.
  it.each(references)('$kind: $input', ({ input, html }) => {
    expect(normalise(toHtml(input))).toBe(normalise(html));
  });

  it.each([...shared<Case>('tilde.json'), ...shared<Case>('cjk-emphasis.json')])('of bug reports: $input', (one) => {
    expect(toHtml(one.input).trim()).toBe(one.html);
  });

  it('breaks lines where they are broken', () => {
    expect(toHtml('one\ntwo')).toBe('<p>one<br>\ntwo</p>\n');
  });

  it('has the box of a task in place of the bullet, and of nothing else', () => {
    const text = '- [x] done\n- [ ] open **soon**\n- [ ] **bold**\n- [X] `code`\n- [y] text\n- [ ]\n\n[x] no item';
    const items = [...render(text).querySelectorAll('li, p')];
    expect(items.map((item) => [item.textContent, item.getAttribute('data-task')])).toEqual([
      ['☑ done', 'done'],
      ['☐ open soon', 'open'],
      ['☐ bold', 'open'],
      ['☑ code', 'done'],
      ['[y] text', null],
      ['[ ]', null],
      ['[x] no item', null],
    ]);
  });
});

describe('footnotes', () => {
  it.each<[string, string]>([
    [
      'One[^1], two[^b].\n\n[^1]: note\n[^b]: https://example.org/',
      `One<sup>1</sup>, two<sup>b</sup>.|<sup>1</sup> note|<sup>b</sup> ${link('https://example.org/')}`,
    ],
    ['a[^1]\n\n[^1]: on two\n    lines', 'a<sup>1</sup>|<sup>1</sup> on two<br>\nlines'],
    ['a pattern [^a] and [^1]', 'a pattern [^a] and [^1]'],
  ])('%j', (text, html) => {
    expect(toHtml(text)).toBe(html.replaceAll('|', '</p>\n<p>').replace(/^(.*)$/s, '<p>$1</p>\n'));
  });
});

describe('addresses in running text', () => {
  it('has no link inside a link', () => {
    const image = '![badge](https://example.org/a.svg)';
    expect(toHtml(`[${image}](https://example.org/) ${image}`)).toBe(
      `<p>${link('https://example.org/', 'badge')} ${link('https://example.org/a.svg', 'badge')}</p>\n`,
    );
  });

  // As linkify-it 6 finds them; each checked by hand.
  const ENCODED = 'https://ja.wikipedia.org/wiki/%E5%AF%8C%E5%A3%AB%E5%B1%B1_(%E6%9B%96%E6%98%A7)';
  it.each<[string, string]>([
    [
      '公式サイト（https://example.org/ja）をご覧ください。',
      `公式サイト（${link('https://example.org/ja')}）をご覧ください。`,
    ],
    [
      '「https://example.org/a」と「https://example.org/b」',
      `「${link('https://example.org/a')}」と「${link('https://example.org/b')}」`,
    ],
    ['请看https://example.cn/docs，谢谢！', `请看${link('https://example.cn/docs')}，谢谢！`],
    ['주소는 https://example.kr/a?b=c 입니다.', `주소는 ${link('https://example.kr/a?b=c')} 입니다.`],
    [
      'https://example.com/1、https://example.com/2。',
      `${link('https://example.com/1')}、${link('https://example.com/2')}。`,
    ],
    [
      'See https://example.com/x_(y), then https://example.com/z.',
      `See ${link('https://example.com/x_(y)')}, then ${link('https://example.com/z')}.`,
    ],
    ['https://ja.wikipedia.org/wiki/富士山_(曖昧)', link(ENCODED, 'https://ja.wikipedia.org/wiki/富士山_(曖昧)')],
    [
      'http://[::1]:8080/v1 or http://192.168.1.5:1234',
      `${link('http://[::1]:8080/v1')} or ${link('http://192.168.1.5:1234')}`,
    ],
    ['連絡先： info@example.co.jp。', `連絡先： ${link('mailto:info@example.co.jp', 'info@example.co.jp')}。`],
    ...[
      '連絡先：|。',
      '|までご連絡ください。',
      'メールは|です',
      '（|）',
      '「|」',
      '联系我们：|，谢谢',
      '문의: |로',
      '请写信给|。',
    ].map((around): [string, string] => {
      const [before, after] = around.split('|') as [string, string];
      const mail = link('mailto:info@example.co.jp', 'info@example.co.jp');
      return [`${before}info@example.co.jp${after}`, `${before}${mail}${after}`];
    }),
    ['メール：info@例え.jp', `メール：${link('mailto:info@xn--r8jz45g.jp', 'info@例え.jp')}`],
    ...['https://user:pw@host/path', 'http://me@example.org:8080/', 'https://www.abc日本.jp'].map(
      (address): [string, string] => [
        `（${address}）です`,
        `（${link(address.replace('abc日本', 'xn--abc-v08fl0d'), address)}）です`,
      ],
    ),
    ...['https://example.com', 'https://example.co.jp:8443', 'http://localhost:8080', 'http://127.0.0.1:80'].map(
      (address): [string, string] => [`${address}です。`, `${link(address)}です。`],
    ),
    [
      'https://example.com、連絡先info@example.org',
      `${link('https://example.com')}、連絡先${link('mailto:info@example.org', 'info@example.org')}`,
    ],
    ['(www.example.com/a)', `(${link('http://www.example.com/a', 'www.example.com/a')})`],
    ['~~https://example.com/a~~', `<s>${link('https://example.com/a')}</s>`],
    ['__https://example.com/a__', `<strong>${link('https://example.com/a')}</strong>`],
    ['**https://example.com/a**を見て', `<strong>${link('https://example.com/a')}</strong>を見て`],
    ['**https://example.com/**', `<strong>${link('https://example.com/')}</strong>`],
    ['`https://example.com/` and main.rs and README.md', '<code>https://example.com/</code> and main.rs and README.md'],
    [
      'ftp://example.com/a //example.com/b javascript:alert(1)',
      'ftp://example.com/a //example.com/b javascript:alert(1)',
    ],
  ])('%s', (text, html) => {
    expect(toHtml(text)).toBe(`<p>${html}</p>\n`);
  });

  it.each(shared<Case>('bare-addresses.json'))('of bug reports: $input', ({ input, html }) => {
    expect(toHtml(input).trim()).toBe(html);
  });
});

describe('HTML in Markdown', () => {
  it.each<[string, string]>([
    ['H<sub>2</sub>O and x<sup>2</sup>, <kbd>Ctrl</kbd>', 'H<sub>2</sub>O and x<sup>2</sup>, <kbd>Ctrl</kbd>'],
    ['one<br>two<br/>three', 'one<br>two<br>three'],
    ['Use the <div> element, not <script>.', 'Use the &lt;div&gt; element, not &lt;script&gt;.'],
    ['<!-- a comment -->', '&lt;!-- a comment --&gt;'],
    ['<b>never closed', '&lt;b&gt;never closed'],
    ['closed</b> only', 'closed&lt;/b&gt; only'],
    ['*a <b>b* c</b>', '<em>a &lt;b&gt;b</em> c&lt;/b&gt;'],
    ['<b class="x">y</b>', '&lt;b class=&quot;x&quot;&gt;y&lt;/b&gt;'],
  ])('%s', (text, html) => {
    expect(toHtml(text)).toBe(`<p>${html}</p>\n`);
  });
});

describe('formulas', () => {
  const formulas = (text: string) =>
    [...render(text).querySelectorAll<HTMLElement>('code[data-math]')].map((code) => [
      code.dataset['math'],
      code.textContent,
    ]);

  it.each<[string, [string, string][]]>([
    ['so $E = mc^2$ it is', [['inline', 'E = mc^2']]],
    [
      '質量は$m$、速度は$v$です。',
      [
        ['inline', 'm'],
        ['inline', 'v'],
      ],
    ],
    [
      'so \\(a_1\\) and \\[b\\] it is',
      [
        ['inline', 'a_1'],
        ['block', 'b'],
      ],
    ],
    ['$$\na < b\n\n*c*\n$$\n\nnext', [['block', 'a < b\n\n*c*']]],
    ['text\n\\[\nx_1\n\\]\nmore', [['block', 'x_1']]],
    [
      '- item\n  $$\n  a\n  $$\n> \\[\n> b\n> \\]',
      [
        ['block', 'a'],
        ['block', 'b'],
      ],
    ],
    [
      '- $a$\n- **$b$**',
      [
        ['inline', 'a'],
        ['inline', 'b'],
      ],
    ],
    [
      '| $a$ |\n| - |\n| $c$ |',
      [
        ['inline', 'a'],
        ['inline', 'c'],
      ],
    ],
    [
      "$f'$ and $(a, b)$ and $\\{1\\}$",
      [
        ['inline', "f'"],
        ['inline', '(a, b)'],
        ['inline', '\\{1\\}'],
      ],
    ],
    ['$\\$5$', [['inline', '\\$5']]],
    ['velocity $v$(m/s)', [['inline', 'v']]],
    ...['$n$th', 'the $n$s', '$n$-th', 'a+$n$', 'f[1]$n$'].map((text): [string, [string, string][]] => [
      text,
      [['inline', 'n']],
    ]),
    [
      '$a$+$b$',
      [
        ['inline', 'a'],
        ['inline', 'b'],
      ],
    ],
    [
      'H$_2$O, 10$^{-6}$m and 5$\\times$3',
      [
        ['inline', '_2'],
        ['inline', '^{-6}'],
        ['inline', '\\times'],
      ],
    ],
    [
      'text\n\\begin{align}\na &= b \\\\\nc\n\\end{align}\nmore',
      [['block', '\\begin{align}\na &= b \\\\\nc\n\\end{align}']],
    ],
  ])('%j', (text, expected) => {
    expect(formulas(text)).toEqual(expected);
  });

  it.each([
    'It costs $5 and $10, or US$20 and US$30, or 5$ and 10$.',
    'from $5-$10 to $20,000/$30,000',
    'in A$, NZ$ or HK$',
    '「$」と「$」、"$" and "$", ($) and ($)',
    'Set $HOME before `$PATH` is read$',
    'Set $PATH before you use `$HOME`.',
    'cp ${HOME}/$USER ${A}/${B} $A/$B $A:$B',
    'echo $(date) && cd $(pwd)/$(date) && echo "$@" "$*"',
    '$(a)$(b)',
    '$AAPL/$MSFT and $GOOG',
    "foo($a, $b); $this->x = $y; $('#a') + $('#b'); $_[0]+$_[1]",
    '$ a $ and $$ and a$b',
    '`$a$` and\n\n```\n$$a$$\n```\n\n    $b$',
    '\\$a$ and \\\\(b\\\\) and 3$',
    '\\(`code`\\)',
    'no $line\nbreak$ in it',
    'kill $$; echo $$',
    'echo $a$b $foo$sbar $_a$_b',
    '$A$1 and =SUM($A$1:$A$9)',
    '$$a and $$b',
    'It matches /^\\d+$/ or /^[a-z]+$/ or /^[0-9]$|^x?$/.',
    'an escaped \\[link\\](https://example.com/)',
  ])('none in %j', (text) => {
    expect(formulas(text)).toEqual([]);
  });

  it.each(shared<{ input: string; formula: boolean }>('dollar.json'))(
    'of bug reports: $input',
    ({ input, formula }) => {
      expect(formulas(input).length > 0).toBe(formula);
    },
  );
});
