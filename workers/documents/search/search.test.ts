import { describe, expect, it } from 'vitest';
import { makePdf } from '../testing/make-pdf.ts';
import { plantedDocument } from '../testing/planted.ts';
import { readMade } from '../testing/read-made.ts';
import { passagesOf } from './passages.ts';
import { indexDocument, rank } from './ranking.ts';
import { termsOf } from './terms.ts';

describe('terms', () => {
  it.each<[string, string]>([
    ['cities', 'city'],
    ['The Running of Cafés', 'cafe runs'],
    ['ＡＢＣ１２３', 'abc123'],
    ['東京都の人口', '東京の人口'],
  ])('of "%s" and "%s" have something in common', (a, b) => {
    const terms = new Set(termsOf(a));
    expect(termsOf(b).filter((term) => terms.has(term))).not.toEqual([]);
  });

  it('leave out words that are everywhere, and keep numbers and names whole', () => {
    expect(termsOf('What is the price of E-1042 on 2026-11-30, 1,234.50 or v2?')).toEqual(
      expect.arrayContaining(['price', '1042', '2026-11-30', '1,234.50', 'v2']),
    );
    expect(termsOf('what is the of on')).toEqual([]);
    expect(termsOf('これはペンです')).toContain('ペン');
  });

  it('do not depend on where a line of Japanese breaks', () => {
    expect(termsOf('天文\n台')).toEqual(termsOf('天文台'));
  });

  it('of a long run without spaces are found in time', () => {
    expect(termsOf('漢'.repeat(20_000)).length).toBeGreaterThan(19_000);
    expect(termsOf('a'.repeat(1_000_000))).toHaveLength(1);
  });
});

describe('passages', () => {
  it('cover every character of a page, in order, and do not cross pages', () => {
    const pages = [{ text: 'One. '.repeat(500) }, { text: '' }, { text: `${'長'.repeat(2_000)}。終わり` }];
    const spans = passagesOf(pages);
    for (const [i, { text }] of pages.entries()) {
      const own = spans.filter(({ page }) => page === i + 1);
      expect(own.map(({ start, end }) => text.slice(start, end)).join('')).toBe(text);
    }
    expect(Math.max(...spans.map(({ start, end }) => end - start))).toBeLessThan(900);
  });
});

describe('ranking', () => {
  const index = (...texts: string[]) => indexDocument(texts.map((text) => ({ text })));

  it('prefers rare words, and searches several documents as one', () => {
    const indices = new Map([
      ['a', index('The engine starts.', 'The engine stops by its governor.')],
      ['b', index('An engine has a governor, a valve and a flywheel.')],
    ]);
    const [first, ...others] = rank(indices, 'What is the flywheel of the engine?', 10);
    expect(first).toMatchObject({ document: 'b', page: 1 });
    expect(others).toHaveLength(2);
    expect(rank(indices, 'Zebra?', 10)).toEqual([]);
    expect(rank(new Map(), 'engine', 10)).toEqual([]);
  });

  it('finds 95 of 100 planted facts of a PDF with 60 pages among the first three passages, on the right page', async () => {
    const { pages, facts } = plantedDocument();
    const read = await readMade('planted.pdf', makePdf(pages, { compress: true }));
    expect(read.pages).toHaveLength(60);
    const indices = new Map([['a', indexDocument(read.pages)]]);
    const missed = facts.filter(({ question, answer, page }) => {
      const best = rank(indices, question, 3);
      const holds = (text: string) => text.replace(/\s/g, '').includes(answer.replace(/\s/g, ''));
      return !best.some(
        (found) => found.page === page && holds(read.pages[page - 1]!.text.slice(found.start, found.end)),
      );
    });
    expect(facts).toHaveLength(100);
    expect(missed.length, missed.map(({ question }) => question).join(' ')).toBeLessThanOrEqual(5);
  });
});
