/** Replies that may call tools: what the grammar takes, and calls written by chance under its masks. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { ToolSpec } from '../../shared/tools.ts';
import { parseCalls } from '../generate/call-reader.ts';
import { FUNCTOOLS, PHI_TOKENS, TAGS, type CallSpelling } from '../tokenizer/call-spellings.ts';
import { PHI_CONTROLS, tinyByteLevel, tinySentencePiece } from '../tokenizer/testing/tiny.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { Constraints } from './constraint.ts';
import { hasBit } from './masks.ts';
import type { Matcher } from './matcher.ts';
import { writeByChance } from './testing/forms.ts';
import { buildVocabulary } from './vocabulary.ts';

const TOOLS: ToolSpec[] = [
  {
    name: 'calculator',
    description: 'Computes.',
    parameters: {
      type: 'object',
      properties: { expression: { type: 'string', maxLength: 12 } },
      required: ['expression'],
    },
  },
  {
    name: 'roll',
    description: 'Rolls dice.',
    parameters: {
      type: 'object',
      properties: { sides: { enum: [6, 20] }, times: { type: 'integer', minimum: 1, maximum: 9 } },
      required: ['sides'],
    },
  },
  { name: 'now', description: 'The time.', parameters: undefined },
];

const TOKENS = [...PHI_CONTROLS, PHI_TOKENS.token, PHI_TOKENS.endToken];
const plain = createTokenizer(tinyByteLevel([['f', 'u']], PHI_CONTROLS));
const phi4 = createTokenizer(tinyByteLevel([['f', 'u']], TOKENS));

const matcherOf = (
  tokenizer: Tokenizer,
  { spelling = FUNCTOOLS, tools = TOOLS, mayCall = true, constraint = undefined, thinking = 'never' as const } = {},
): Matcher =>
  new Constraints(tokenizer, tokenizer.vocabSize, tokenizer.ends).callMatcher(
    { tools, mayCall, spelling, constraint },
    thinking,
  );

const takes = (matcher: Matcher, text: string, tokenizer: Tokenizer): boolean => {
  for (const id of tokenizer.encode(text, { special: true })) {
    if (!matcher.free && !hasBit(matcher.mask(500), id)) return false;
    matcher.push([id]);
  }
  return true;
};

describe('a reply that may call tools', () => {
  it.each<[string, boolean]>([
    ['functools[{"name": "calculator", "arguments": {"expression": "2+2"}}]', true],
    ['functools[{"name": "roll", "arguments": {"sides": 20, "times": 3}}, {"name": "now", "arguments": {}}]', true],
    ['functions are fine, and so is functools[ behind text', true],
    ['f', true],
    ['functools[{"name": "unknown"', false],
    ['functools[{"name": "roll", "arguments": {"sides": 7', false],
    ['functools[{"name": "now", "arguments": {"x"', false],
  ])('takes %j: %j', (text, right) => {
    expect(takes(matcherOf(plain), text, plain)).toBe(right);
    expect(takes(matcherOf(phi4), text, phi4)).toBe(right);
  });

  it('takes a call by control tokens anywhere, and ends behind it', () => {
    for (const before of ['', 'Let me see. ']) {
      const matcher = matcherOf(phi4, { spelling: PHI_TOKENS });
      const text = `${before}<|tool_call|>[{"name": "now", "arguments": {}}]<|/tool_call|>`;
      expect(takes(matcher, text, phi4)).toBe(true);
      expect(matcher.ended).toBe(true);
    }
  });

  it('is free behind its first letters, so that text costs no masks', () => {
    const matcher = matcherOf(phi4);
    expect(matcher.free).toBe(false);
    matcher.push(phi4.encode('f'));
    expect(matcher.free).toBe(false);
    matcher.push(phi4.encode('ine'));
    expect(matcher.free).toBe(true);
    expect(matcher.triggers).toContain(phi4.tokenId('<|tool_call|>'));
  });

  it('must answer with text when it may not call', () => {
    const matcher = matcherOf(phi4, { mayCall: false });
    const mask = matcher.mask(50);
    expect(phi4.ends.some((id) => hasBit(mask, id))).toBe(false);
    expect(hasBit(mask, phi4.tokenId('<|tool_call|>')!)).toBe(false);
    expect(takes(matcherOf(phi4, { mayCall: false }), 'functools[', phi4)).toBe(false);
    matcher.push(phi4.encode('4.'));
    expect(matcher.free).toBe(true);
    matcher.push([phi4.tokenId('<|tool_call|>')!]);
    expect(matcher.ended).toBe(true);
  });

  it('answers in a form, or calls', () => {
    const constraint = {
      kind: 'json',
      schema: { type: 'object', properties: { a: { const: 1 } }, required: ['a'] },
    } as never;
    expect(takes(matcherOf(plain, { constraint }), '{"a": 1', plain)).toBe(true);
    expect(takes(matcherOf(plain, { constraint }), 'functools[{"name": "now"', plain)).toBe(true);
    expect(takes(matcherOf(plain, { constraint }), 'x', plain)).toBe(false);
    expect(takes(matcherOf(plain, { constraint, mayCall: false }), 'functools[', plain)).toBe(false);
  });

  it('thinks freely first, and calls behind its thought', () => {
    const call = 'functools[{"name": "now", "arguments": {}}]';
    const thinking = 'may' as never;
    expect(takes(matcherOf(plain, { thinking }), `<think>functools[ or not</think>\n${call}`, plain)).toBe(true);
    expect(takes(matcherOf(plain, { thinking }), '<think>x</think>functools[{"name": "x', plain)).toBe(false);
  });

  it.each<[string, Tokenizer, CallSpelling]>([
    ['by control tokens', phi4, PHI_TOKENS],
    ['as functools', plain, FUNCTOOLS],
    ['between tags', plain, TAGS],
    [
      'as functools, by SentencePiece',
      createTokenizer({ kind: 'gguf', metadata: tinySentencePiece(['▁', 'f', 'func', '▁{"'], PHI_CONTROLS) } as never),
      FUNCTOOLS,
    ],
  ])('written by chance is a valid call: %s', (_, tokenizer, spelling) => {
    const vocabulary = buildVocabulary(tokenizer, tokenizer.vocabSize, tokenizer.ends);
    const ajv = new Ajv2020({ strict: false });
    for (let seed = 1; seed <= 12; seed++) {
      const matcher = matcherOf(tokenizer, { spelling });
      const begun =
        spelling.token === undefined ? tokenizer.encode(spelling.open) : [tokenizer.tokenId(spelling.token)!];
      matcher.push(begun);
      const ids = writeByChance(matcher, vocabulary, seed, 300);
      const calls = parseCalls(tokenizer.decode([...begun, ...ids]).trim());
      expect({ seed, calls }).toMatchObject({ calls: expect.any(Array) as unknown });
      expect(calls!.length).toBeLessThanOrEqual(4);
      for (const call of calls!) {
        const { parameters } = TOOLS.find(({ name }) => name === call.name)!;
        expect(ajv.validate(parameters ?? { type: 'object', maxProperties: 0 }, call.arguments)).toBe(true);
      }
    }
  });

  it.each<[ToolSpec, string]>([
    [{ name: 'a b', description: '', parameters: {} }, '"a b" cannot be the name of a tool'],
    [{ name: 'roll', description: '', parameters: {} }, 'two tools have the name "roll"'],
    [{ name: 'x', description: '', parameters: { type: 'string' } }, 'must be of the type "object"'],
    [
      { name: 'x', description: '', parameters: { type: 'object', properties: { a: { uniqueItems: true } } } },
      'uniqueItems',
    ],
  ])('refuses %j', (tool, message) => {
    expect(() => matcherOf(plain, { tools: [...TOOLS, tool] })).toThrowError(
      expect.objectContaining({ code: 'bad-request', message: expect.stringContaining(message) as string }) as Error,
    );
  });
});
