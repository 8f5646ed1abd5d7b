/** Markdown that nobody wrote: what people and models write, put together at random, with mistakes, mixed scripts and far too much of it. */

import { seeded } from '../../workers/store/testing/random.ts';

const WORDS = [
  ...[
    'the',
    'model',
    'a_b_c',
    '__init__',
    '2*3*4',
    'x²',
    'https://example.com/a_(b)',
    'info@example.org',
    '<div>',
    '&amp;',
  ],
  ...[
    'これは',
    '試験です。',
    '（注）',
    '「引用」',
    '测试，',
    '中文：',
    '한국어를',
    'สวัสดีครับ',
    'مرحبا',
    'שלום',
    '👩‍👩‍👧',
    'e\u0301',
    '\u202e',
  ],
  ...[
    '**bold**',
    '*it*',
    '***',
    '**重要：**',
    '~~gone~~',
    '5~10',
    '`code`',
    '``a`b``',
    '`',
    '$x^2$',
    '$HOME',
    'US$5',
    '\\(a\\)',
    '\\[',
  ],
  ...[
    '[link](https://example.com/)',
    '[ref]',
    '[a][b]',
    '![i](x)',
    '](',
    '[[',
    '<b>',
    '</b>',
    '<br>',
    '\\',
    '|',
    '\t',
    '\u00a0',
    '\u0000',
  ],
];

const PREFIXES = [
  '',
  '',
  '',
  '# ',
  '- ',
  '* ',
  '1. ',
  '10) ',
  '> ',
  '>> ',
  '    ',
  '  - ',
  '- [ ] ',
  '[a]: ',
  '| ',
  '\t',
  '> - 1. ',
];

const WHOLE_LINES = [
  ...[
    '',
    '',
    '',
    '---',
    '===',
    '***',
    '```',
    '```js',
    '~~~',
    '````',
    '$$',
    '\\[',
    '\\]',
    '<!-- c',
    '-->',
    '| a | b |',
    '|-|:-:|',
    '| 1 |',
  ],
  ...['[^1]: note', ':::', '+++', '</div>', '[ref]: <https://example.com/x> "t"', '|', '\f', '- ', '#', '>'],
];

/** Pieces that make much of little when they are repeated. */
const UNITS = [
  '*a **b ',
  '_a_',
  '[',
  '![',
  '[a](',
  '<',
  '`a',
  '$a',
  '|',
  '> ',
  '- ',
  '\\[',
  '~~',
  '&#',
  'http://a.',
  '重要：**',
  '***',
  '(',
  '\t',
];

/** The `index`-th document; always the same. */
export function markdownDocument(index: number): string {
  const random = seeded(index + 1);
  const below = (n: number) => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const words = () => Array.from({ length: 1 + below(12) }, () => pick(WORDS)).join(random() < 0.2 ? '' : ' ');
  const makers: (() => string)[] = [
    () => pick(WHOLE_LINES),
    () => pick(PREFIXES) + words(),
    () => pick(PREFIXES).repeat(1 + below(12)) + words(),
    () => `${' '.repeat(below(30))}${pick(['- ', '1. ', '> '])}${words()}`,
    () => table(1 + below(12), below(20), words, random),
  ];
  const lines = Array.from({ length: 1 + below(40) }, () => pick(makers)());
  // One in eight is far too long somewhere.
  if (random() < 0.125) lines.splice(below(lines.length), 0, pick(UNITS).repeat(1 + below(8000)));
  if (random() < 0.02) lines.push(table(300 + below(300), 400 + below(400), () => '', random));
  return lines.join(random() < 0.05 ? '\r\n' : '\n');
}

function table(columns: number, rows: number, words: () => string, random: () => number): string {
  const row = (cell: () => string) =>
    `|${Array.from({ length: Math.ceil(columns * random() * 1.2) }, cell).join('|')}|`;
  const full = (cell: string) => `|${Array.from({ length: columns }, () => cell).join('|')}|`;
  return [full('h'), full('-'), ...Array.from({ length: rows }, () => row(words))].join('\n');
}
