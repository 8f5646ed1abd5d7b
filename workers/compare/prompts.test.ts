import { describe, expect, it } from 'vitest';
import { makePrompt } from './prompts.ts';

/** A token for each word and nonce, and 10 of a template. */
const encode = (content: string) => [
  ...Array<number>(10).fill(0),
  ...(content.match(/\s?\w+|\s?[^\w\s]/g) ?? []).map((word) => word.length),
];

describe('makePrompt', () => {
  it.each([32, 100, 512, 2048])('has exactly %i tokens and begins with its nonce', (tokens) => {
    const prompt = makePrompt(encode, tokens, '1234');
    expect(prompt.tokens).toBe(tokens);
    expect(encode(prompt.content)).toHaveLength(tokens);
    expect(prompt.content.startsWith('1234')).toBe(true);
  });

  it('is as short as it can be where the template alone is longer', () => {
    expect(makePrompt(encode, 5, '1234').tokens).toBe(11);
  });
});
