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
    '\\p{L}',
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
