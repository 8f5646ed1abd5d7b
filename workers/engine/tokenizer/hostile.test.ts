import { describe, expect, it } from 'vitest';
import { itIf } from '../../testing/it-if.ts';
import { PhiError } from '../../shared/errors.ts';
import { checkPattern } from './patterns.ts';
import { sharedCases } from './testing/shared-cases.ts';
import { tinyByteLevel } from './testing/tiny.ts';
import { createTokenizer } from './tokenizer.ts';
import { cpuMs, expectWithin } from '../../testing/timing.ts';

/** Patterns of published tokenizers: GPT-2, cl100k, Llama 3, Qwen 2, o200k (Phi-4-mini), DeepSeek, BLOOM, and two with digits from the right. */
const PUBLISHED = [
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
  ' ?[^(\\s|[.,!?…。，、।۔،])]+',
  '\\p{N}{1,3}(?=(?:\\p{N}{3})*(?:\\P{N}|$))',
  '[\\r\\n]',
  '\\s?\\p{L}+',
  "\\p{L}+(?:'\\p{L}+)?",
  "\\p{L}+'\\p{L}+|.",
  '[一-龥ࠀ-一가-퟿]+',
];

/** Exponential, or worse than quadratic. */
const SLOW = [
  '(a+)+$',
  '(a*)*b',
  '(?:a|a)*b',
  '(?:a|ab|b)+c',
  '((a?){1,50}){1,50}b',
  '(?:a?){60}a{60}',
  `${'a?'.repeat(40)}${'a'.repeat(40)}`,
  `${'(a|a)'.repeat(40)}b`,
  'a*a*a*a*b',
  'a*a*b',
  'a*(?:a*b)',
  '(?:a*)(?:a*)b',
  '\\s+\\s+$',
  '(?=(a+)+b)',
  '(?:[a-z]+\\s*)+!',
  '(x+x+)+y',
  '(a{1,200}){1,200}$',
  '(.*)\\1+$',
  '(?<n>a+)\\k<n>+b',
  'a{1000}b',
  '[[a]b]+([]]+)+',
  '('.repeat(50) + 'a' + ')'.repeat(50),
];

describe('patterns of a tokenizer', () => {
  it.each(PUBLISHED)('published: %s', (pattern) => {
    checkPattern(pattern);
  });

  it.each(SLOW)('refused: %s', (pattern) => {
    expect(() => checkPattern(pattern)).toThrowError(expect.objectContaining({ code: 'unsupported-model' }) as Error);
  });
});

const build = (more: Record<string, unknown>) => createTokenizer(tinyByteLevel([], undefined, more));
const split = (regex: string) => ({ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false });
const nested = (key: string, inner: unknown, depth: number): unknown =>
  depth === 0 ? inner : { type: 'Sequence', [key]: [nested(key, inner, depth - 1)] };
const replace = (from: string, content: string) => ({ type: 'Replace', pattern: { String: from }, content });

function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a tokenizer that would take the machine down is refused by name', () => {
  const TWENTY = replace('a', 'a'.repeat(20));
  it.each<[string, Record<string, unknown>]>([
    ['a split with nested repetitions', { pre_tokenizer: split('(a+)+$') }],
    [
      'a normaliser with nested repetitions',
      { normalizer: { type: 'Replace', pattern: { Regex: '(a+)+$' }, content: '' } },
    ],
    [
      'normalisers that grow twentyfold six times',
      { normalizer: { type: 'Sequence', normalizers: Array(6).fill(TWENTY) } },
    ],
    ['a normaliser that makes a long text of a letter', { normalizer: replace('a', 'b'.repeat(5000)) }],
    ['normalisers nested deep', { normalizer: nested('normalizers', { type: 'NFC' }, 20) }],
    ['normalisers nested very deep', { normalizer: nested('normalizers', { type: 'NFC' }, 5000) }],
    ['pre-tokenizers nested deep', { pre_tokenizer: nested('pretokenizers', { type: 'ByteLevel' }, 5000) }],
    ['many normalisers', { normalizer: { type: 'Sequence', normalizers: Array(100).fill({ type: 'NFC' }) } }],
  ])('%s', (_, more) => {
    const error = errorOf(() => build(more));
    expect(error).toBeInstanceOf(PhiError);
    expect(['bad-model', 'unsupported-model']).toContain((error as PhiError).code);
    expect((error as PhiError).message).toMatch(/tokenizer/i);
  });

  it('steps that grow only together are stopped while they run', () => {
    const growing = build({
      normalizer: {
        type: 'Sequence',
        normalizers: [{ type: 'NFKD' }, { type: 'Replace', pattern: { Regex: '.' }, content: 'xxxx' }],
      },
    });
    expect(growing.encode('abc').length).toBe(12);
    const started = cpuMs();
    expect(() => growing.encode('\ufdfa'.repeat(100_000))).toThrow(/more than 20 times as long/);
    expectWithin(cpuMs() - started, 5000);
  });

  it('what is written into a text is taken as it stands', () => {
    const tokenizer = build({ normalizer: replace('b', "$&$'$1") });
    expect(tokenizer.decode(tokenizer.encode('abc'))).toBe("a$&$'$1c");
  });
});

const cases = sharedCases<Record<string, { type: string } & Record<string, unknown>>>('freeze/tokenizer-dos.json');
const parts = Object.entries(cases ?? {}).filter(([, part]) => typeof part === 'object');
itIf(cases !== null)(`${parts.length} parts of a tokenizer.json`, () => {
  for (const [, part] of parts) {
    const key = 'pretokenizers' in part ? 'pre_tokenizer' : 'normalizer';
    const started = cpuMs();
    const error = errorOf(() => build({ [key]: part }).encode(`${'a'.repeat(26)}!`));
    expect(error).toBeInstanceOf(PhiError);
    expectWithin(cpuMs() - started, 1000);
  }
  expect(parts.length).toBeGreaterThan(0);
});
