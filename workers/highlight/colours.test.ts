import { describe, expect, it } from 'vitest';
import { coloursOf } from './colours.ts';

/** The pieces of `code` that have a colour, with it. */
function pieces(code: string, language: string): [string, number][] {
  const { ends, groups } = coloursOf(code, language)!;
  const all = [...ends].map((end, i): [string, number] => [code.slice(i ? ends[i - 1] : 0, end), groups[i]!]);
  expect(all.map(([text]) => text).join('')).toBe(code);
  return all.filter(([, group]) => group > 0);
}

describe('coloursOf', () => {
  it('gives ranges with the colour of the innermost scope that has one', () => {
    expect(pieces('const a = `x${1}`; // note', 'js')).toEqual([
      ['const', 2],
      ['`x${', 3],
      ['1', 4],
      ['}`', 3],
      ['// note', 1],
    ]);
  });

  it('colours the script in a page, and knows languages by their other names', () => {
    expect(pieces('<script>let x = 1</script>', 'html')).toEqual(pieces('<script>let x = 1</script>', 'xml'));
    expect(pieces('<script>let x = 1</script>', 'html')).toContainEqual(['let', 2]);
    expect(pieces('def f(): pass', 'py')).toContainEqual(['def', 2]);
  });

  it.each([
    '<script>window.hit = 1</script><img src=x onerror="window.hit=1">',
    '```js" onclick="window.hit=1',
    '<![CDATA[ <?php ?> ]]> {{ x }} "\\',
    'a < b && c > d /* \'"`${',
    '',
  ])('covers all of %s and nothing else, in every language', (code) => {
    for (const language of ['html', 'js', 'python', 'css', 'bash', 'cpp', 'json', 'yaml', 'sql', 'diff']) {
      const { ends, groups } = coloursOf(code, language)!;
      expect([...ends]).toEqual([...new Set(ends)].sort((a, b) => a - b));
      expect(ends.at(-1) ?? 0).toBe(code.length);
      expect(groups).toHaveLength(ends.length);
      expect(Math.max(0, ...groups)).toBeLessThanOrEqual(7);
    }
  });

  it('says that it does not know a language', () => {
    expect(coloursOf('x', 'klingon')).toBeNull();
  });
});
