import { describe, expect, it } from 'vitest';
import { uniforms } from '../generate/random.ts';
import { accepts, complement, intersect, isEmpty, wordsDfa } from './dfa.ts';
import { patternDfa, wholeDfa } from './regex.ts';

const PATTERNS = [
  '',
  'a',
  '^a',
  'a$',
  '^a|b$',
  'a.c',
  '[a-c]+',
  '[^a-c]',
  '^(?:ab|ba)*$',
  'a{2,3}b',
  'a??b',
  '^\\d+(?:\\.\\d+)?$',
  '\\s',
  '\\W',
  '[\\d_-]',
  '^(?<name>a)b',
  '\\u0061',
  '\\u{1F44D}',
  '^[ぁ-ん]+$',
  '(a|aa)+$',
  '^a{0}b',
  '[]',
  '\\.',
  '\\/',
  '^.{3}$',
  'é|日',
  '[\\^\\]]',
  '(?:)',
  '^(?=.*[0-9])(?=.*[a-c]).{2,}$',
  '^(?!a)(?!.*bb)[^0-9]*$',
  '^(?!^[-.]*$)[-+]?\\d*\\.?\\d*$',
  '^(?=ab|a$)|c$',
  '^(?:)$|^(?!a|b).',
  '\\p{L}+',
  '^[\\p{Lu}\\p{N}-]*$',
  '\\P{L}',
  '^\\p{Script=Hiragana}+$',
];
const PIECES = ['a', 'b', 'c', 'aa', '0', '12', '.', ' ', '\n', '_', '-', '👍', 'あん', 'é', '日', '^', ']', '/'];

describe('patternDfa', () => {
  it.each(PATTERNS)('%j matches what RegExp matches', (source) => {
    const found = patternDfa(source);
    const whole = wholeDfa(source);
    const regexp = new RegExp(source, 'u');
    const exact = new RegExp(`^(?:${source})$`, 'u');
    const draw = uniforms(source.length + 3);
    for (let i = 0; i < 400; i++) {
      const text = Array.from({ length: i % 6 }, () => PIECES[Math.floor(draw() * PIECES.length)]!).join('');
      expect({ text, found: accepts(found, text) }).toEqual({ text, found: regexp.test(text) });
      expect({ text, whole: accepts(whole, text) }).toEqual({ text, whole: exact.test(text) });
    }
  });

  it.each([
    '(?=a)',
    '(?!a)',
    '(?<=a)',
    '\\1',
    '\\k<a>',
    '\\b',
    '\\p{Nothing}',
    '\\pL',
    'a(?=b)',
    '(^(?=a)b)',
    'a**',
    '(',
    ')',
    '[a',
    '{',
    'a{2,1}',
    '(^a)',
    'a^',
    '$a',
    '\\',
    '[z-a]',
    '\\q',
    '\\u{110000}',
  ])('refuses %j', (source) => expect(() => patternDfa(source)).toThrow(/pattern/));
});

it.each<[string, string, string[], string[]]>([
  ['what Python names', '^(?P<y>\\d{4})-(?P<m>\\d\\d)$', ['2024-01'], ['2024-1']],
  [
    'signs with a backslash that they do not need',
    '^[\\\'\\"\\@\\#\\%\\!\\:\\=\\~\\&\\,\\;\\<\\>\\ \\_\\`]+$',
    ['\'"@#%!:=~&,;<> _`'],
    ['a'],
  ],
  // As Zod 4 and Pydantic 2 write them.
  [
    'an e-mail address',
    "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$",
    ['a.b@c.de'],
    ['.a@c.de', 'a..b@c.de', 'a@c'],
  ],
  ['a decimal', '^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$', ['-1.50', '.5'], ['', '-', '+.']],
])('%s', (_, source, right, wrong) => {
  const dfa = patternDfa(source);
  expect(right.filter((text) => !accepts(dfa, text))).toEqual([]);
  expect(wrong.filter((text) => accepts(dfa, text))).toEqual([]);
});

describe('automata', () => {
  it('are joined and turned round', () => {
    const names = wordsDfa(['a', 'ab', '日本', '']);
    expect(['a', 'ab', '日本', ''].every((word) => accepts(names, word))).toBe(true);
    const others = intersect(patternDfa('^[ab]*$'), complement(names));
    expect(['b', 'aba', 'bb'].every((word) => accepts(others, word))).toBe(true);
    expect(['a', 'ab', '', 'c'].some((word) => accepts(others, word))).toBe(false);
    expect(isEmpty(intersect(names, complement(names)))).toBe(true);
    expect(isEmpty(complement(names))).toBe(false);
  });
});
