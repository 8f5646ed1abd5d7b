import { describe, expect, it } from 'vitest';
import type { Constraint } from '../../shared/protocol.ts';
import { uniforms } from '../generate/random.ts';
import type { TokenizerSource } from '../checkpoint/types.ts';
import { BYTE_OF_CHARACTER } from '../tokenizer/bytes.ts';
import { tinyByteLevel, tinySentencePiece } from '../tokenizer/testing/tiny.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import type { State } from './automaton.ts';
import { hasBit, Masks } from './masks.ts';
import { acceptsText, automatonOf, matcherOf, writeByChance } from './testing/forms.ts';
import { buildTrie, longestToken } from './trie.ts';
import { buildVocabulary } from './vocabulary.ts';

const PIECES = [
  'ab',
  ' a',
  '":',
  ', "',
  '{"',
  'true',
  '12',
  '日本',
  '\\"',
  ' "',
  'a'.repeat(20),
  'ab'.repeat(7),
  'é',
  '\u{1F44D}',
];

/** Pieces as merges of byte-level BPE, from left to right. */
function mergesOf(pieces: readonly string[]): [string, string][] {
  const character = new Map([...BYTE_OF_CHARACTER].map(([name, byte]) => [byte, name]));
  const merges = pieces.flatMap((piece) => {
    const letters = Array.from(new TextEncoder().encode(piece), (byte) => character.get(byte)!);
    return letters.slice(1).map((letter, i): [string, string] => [letters.slice(0, i + 1).join(''), letter]);
  });
  return [...new Map(merges.map((pair) => [pair.join(''), pair])).values()];
}

const SOURCES: [string, TokenizerSource][] = [
  ['byte-level', tinyByteLevel(mergesOf(PIECES))],
  [
    'SentencePiece',
    { kind: 'gguf', metadata: tinySentencePiece(['▁', ...PIECES.map((one) => one.replaceAll(' ', '▁'))]) },
  ],
];
const VOCABULARIES = SOURCES.map(([name, source]) => {
  const tokenizer = createTokenizer(source);
  return [name, buildVocabulary(tokenizer, tokenizer.vocabSize + 40, tokenizer.ends)] as const;
});
const FORMS: Constraint[] = [
  {
    kind: 'json',
    schema: {
      type: 'object',
      properties: { a: { type: 'string', maxLength: 12 }, ab: { type: 'boolean' } },
      required: ['a'],
    },
  },
  { kind: 'json', schema: { type: 'array', items: { enum: ['a', 'ab', '日本'] }, maxItems: 3 } },
  { kind: 'json', schema: true },
  { kind: 'regex', pattern: '[ab]{0,30}|日+' },
  { kind: 'ebnf', grammar: 'root ::= "a" root "b" | "" | .' },
  // Counts with a middle that is far from both bounds.
  { kind: 'json', schema: { type: 'string', minLength: 3, maxLength: 60 } },
  { kind: 'json', schema: { type: 'array', items: { type: 'string', maxLength: 40 }, minItems: 1, maxItems: 60 } },
  { kind: 'json', schema: { type: 'string', pattern: '^(abababababababababab)*$', maxLength: 50 } },
  {
    kind: 'json',
    schema: {
      anyOf: [
        { type: 'string', maxLength: 30 },
        { type: 'string', pattern: '^a', maxLength: 50 },
      ],
    },
  },
  { kind: 'ebnf', grammar: 'root ::= ("a" | "日" | " "){2,40} "b"{0,30}' },
];

describe.each(VOCABULARIES)('masks of a %s vocabulary', (_, vocabulary) => {
  it.each(FORMS)('%j: allow just what the automaton can read', (form) => {
    const automaton = automatonOf(form);
    const masks = new Masks(automaton, vocabulary);
    const read = (from: State, id: number): State | null => {
      let at: State | null = from;
      for (const byte of vocabulary.bytesOf(id) ?? []) at = at && automaton.step(at, byte);
      return at;
    };
    const draw = uniforms(9);
    let checked = 0;
    const wrong: string[] = [];
    for (let walk = 0; walk < 6; walk++) {
      for (let state: State | null = automaton.start, length = 0; state && length < 24; length++) {
        const here: State = state;
        for (const left of [1000, here.least + 2, masks.needs(here)]) {
          const mask = masks.of(here, left);
          for (let id = 0; id < 32 * mask.length; id++) {
            const end = vocabulary.ends.includes(id);
            const bytes = vocabulary.bytesOf(id);
            const next = end || !bytes || bytes.length === 0 ? null : read(here, id);
            const right = end ? here.accepting : next !== null && masks.needs(next) <= left - 1;
            if (hasBit(mask, id) !== right) wrong.push(`token ${id} with ${left} left`);
            checked++;
          }
        }
        const open = [...Array(vocabulary.tokenizer.vocabSize).keys()].filter(
          (id) => hasBit(masks.of(here, 1000), id) && !vocabulary.ends.includes(id),
        );
        state = open.length === 0 ? null : read(here, open[Math.floor(draw() * open.length)]!);
      }
    }
    expect(wrong).toEqual([]);
    expect(checked).toBeGreaterThan(1000);
  });

  it.each(FORMS)('%j: a reply ends within whatever its shortest text leaves room for', (form) => {
    const automaton = automatonOf(form);
    for (let seed = 0; seed < 30; seed++) {
      const matcher = matcherOf(automaton, vocabulary);
      const limit = matcher.needs + (seed % 10);
      const ids = writeByChance(matcher, vocabulary, seed, limit);
      expect(ids.length).toBeLessThanOrEqual(limit);
      const text = ids.map((id) => Buffer.from(vocabulary.bytesOf(id)!));
      expect(acceptsText(automaton, Buffer.concat(text).toString())).toBe(true);
    }
  });
});

describe('matcher', () => {
  const [, vocabulary] = VOCABULARIES[0]!;
  const automaton = automatonOf(FORMS[0]!);

  it('takes what is certain, and leaves the rest to the model', () => {
    const matcher = matcherOf(automaton, vocabulary);
    const forced = matcher.forced(100, 100);
    expect(vocabulary.tokenizer.decode(forced)).toBe('{"a": "');
    expect(matcher.forced(1, 100)).toHaveLength(1);
    matcher.push(forced);
    expect(matcher.forced(100, 100)).toEqual([]);
  });

  it('cuts a draft where it leaves the form', () => {
    const matcher = matcherOf(automaton, vocabulary);
    const { tokenizer } = vocabulary;
    const draft = tokenizer.encode('{"a": "ab", "x"');
    const { count, masks } = matcher.allow(draft, 100);
    expect(tokenizer.decode(draft.slice(0, count))).toBe('{"a": "ab", "');
    expect(masks.length).toBe((count + 1) * vocabulary.words);
    expect(matcher.allow(draft, matcher.needs).count).toBeLessThan(count);
  });

  it('goes on behind ids or text as if it had written them', () => {
    const text = '{"a": "ab';
    const byIds = matcherOf(automaton, vocabulary);
    byIds.push(vocabulary.tokenizer.encode(text));
    const byText = matcherOf(automaton, vocabulary);
    expect(byText.pushText(text)).toBe(true);
    expect(byText.mask(50)).toEqual(byIds.mask(50));
    const whole = matcherOf(automaton, vocabulary);
    expect(whole.pushText('{"b')).toBe(false);
    expect(whole.pushText('{"a": "ab", "ab": true}')).toBe(true);
    expect(whole.ended).toBe(true);
    expect(() => byIds.push(vocabulary.tokenizer.encode('\n'))).toThrow('does not fit');
  });
});

describe('buildTrie', () => {
  it('finds the longest token', () => {
    const trie = buildTrie(['a', 'ab', 'abcd', 'b', 'ab'].map((latin1, id) => ({ id, latin1 })));
    const find = (text: string) => longestToken(trie, new TextEncoder().encode(text), 0);
    expect(find('abc')).toEqual({ id: 1, length: 2 });
    expect(find('abcde')).toEqual({ id: 2, length: 4 });
    expect(find('c')).toBeNull();
    expect(trie.nodes).toBe(5);
  });
});
