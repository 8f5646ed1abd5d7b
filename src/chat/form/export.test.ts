import { describe, expect, it } from 'vitest';
import { toCsv, toJsonLines } from './export.ts';

describe('toJsonLines', () => {
  it('has a line for each entry', () => {
    expect(toJsonLines([{ a: 'x\ny' }, 2, null])).toBe('{"a":"x\\ny"}\n2\nnull\n');
    expect(toJsonLines({ a: [1] })).toBe('{"a":[1]}\n');
    expect(toJsonLines([])).toBe('');
  });
});

describe('toCsv', () => {
  it.each<[string, unknown, string]>([
    ['columns in the order of first use', [{ a: 1 }, { b: 'x', a: true }], 'a,b\r\n1,\r\ntrue,x\r\n'],
    ['quotes, commas and line breaks', { a: 'say "hi", you\nthere' }, 'a\r\n"say ""hi"", you\nthere"\r\n'],
    ['what lies inside', { a: [1, { b: 2 }], c: null }, 'a,c\r\n"[1,{""b"":2}]",\r\n'],
    ['a list of plain values', ['日本', -1], 'value\r\n日本\r\n-1\r\n'],
    ['texts that look like formulas', [{ a: '=1+1' }, { a: '@x' }], "a\r\n'=1+1\r\n'@x\r\n"],
  ])('%s', (_, value, csv) => expect(toCsv(value)).toBe(`\ufeff${csv}`));
});
