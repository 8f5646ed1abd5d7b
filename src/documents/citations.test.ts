// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { render } from '../chat/markdown/testing/html.ts';
import type { MessageDocument } from '../chat/message.ts';
import { citedNumbers, linkCitations } from './citations.ts';

const passage = (page: number) => ({ page, start: 5, end: 9, text: 'x' });
const DOCUMENTS: MessageDocument[] = [
  {
    id: 'a',
    name: 'a.pdf',
    unit: 'page',
    pageCount: 9,
    given: { whole: false, tokens: 1, texts: [passage(7), passage(2)] },
  },
  { id: 'b', name: 'b.pptx', unit: 'slide', pageCount: 9, given: { whole: false, tokens: 1, texts: [passage(3)] } },
];

/** Text and address of every citation in a reply. */
function citations(reply: string, documents = DOCUMENTS): [string, string][] {
  const fragment = render(reply);
  const before = fragment.textContent;
  linkCitations(fragment, documents);
  expect(fragment.textContent).toBe(before);
  return [...fragment.querySelectorAll('a.citation')].map((link) => [link.textContent, link.getAttribute('href')!]);
}

const FIRST = '#/documents/a/7/5-9';
const SECOND = '#/documents/a/2/5-9';
const THIRD = '#/documents/b/3/5-9';

it.each<[string, [string, string][]]>([
  ['It is tall [1].', [['[1]', FIRST]]],
  ['塔は高い「[1]」。', [['[1]', FIRST]]],
  [
    '塔は高い【２】［3］。',
    [
      ['【２】', SECOND],
      ['［3］', THIRD],
    ],
  ],
  [
    'It is **tall [1, 3]**.',
    [
      ['1', FIRST],
      ['3', THIRD],
    ],
  ],
  [
    '- one [1][2]\n- two [3]',
    [
      ['[1]', FIRST],
      ['[2]', SECOND],
      ['[3]', THIRD],
    ],
  ],
  ['See [2、9].', [['2', SECOND]]],
  ['| a |\n| - |\n| [2] |', [['[2]', SECOND]]],
  ['Nothing has the numbers [0], [4] and [12].', []],
  ['`a[1]`\n\n```\nb[1]\n```\n\n    c[1]', []],
  ['[1](https://example.org/) and [[1]](https://example.org/)', []],
  ['a[x] [100] [1.5] [one]', []],
])('links the passages of %j', (reply, expected) => {
  expect(citations(reply)).toEqual(expected);
});

it('names the document and the page for those who do not see the link', () => {
  const fragment = render('So it is [1], and also [1, 3].');
  linkCitations(fragment, DOCUMENTS);
  const names = [...fragment.querySelectorAll('a')].map((link) => link.getAttribute('aria-label'));
  expect(names).toEqual(['[1] a.pdf, page 7', '1 a.pdf, page 7', '3 b.pptx, slide 3']);
});

it('leaves a reply alone whose documents were read whole', () => {
  const whole = DOCUMENTS.map((one) => ({ ...one, given: { ...one.given!, whole: true } }));
  expect(citations('It is tall [1].', whole)).toEqual([]);
});

it('knows what a reply cites, apart from its code', () => {
  expect([...citedNumbers('A [1] b [2, ３] `x[4]` ```\ny[5]\n``` 【6】')]).toEqual([1, 2, 3, 6]);
});
