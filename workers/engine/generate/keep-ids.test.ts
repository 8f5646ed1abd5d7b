import { describe, expect, it } from 'vitest';
import { keepIds } from './keep-ids.ts';

const TOKENS = ['<|end|>', 'a', 'b', 'ab', 'c', 'bc', '<', '|', 'end', '|>', 'abc'];
const tokenizer = { idToken: (id: number) => TOKENS[id], isControl: (id: number) => id === 0 };
const id = (token: string): number => TOKENS.indexOf(token);
const ids = (...tokens: string[]): number[] => tokens.map(id);
const keep = (known: number[], fresh: number[]): string[] =>
  keepIds(tokenizer, known, fresh).map((one) => TOKENS[one]!);

describe('keepIds', () => {
  it('keeps what the model wrote, and goes on with what is new', () => {
    expect(keep(ids('c', 'a', 'b'), ids('c', 'ab', '<|end|>', 'c'))).toEqual(['c', 'a', 'b', '<|end|>', 'c']);
    expect(keep(ids('a', 'bc', 'a'), ids('ab', 'c', 'a', '<|end|>'))).toEqual(['a', 'bc', 'a', '<|end|>']);
    expect(keep(ids('abc'), ids('a', 'b', 'c', 'c'))).toEqual(['abc', 'c']);
  });

  it('takes nothing that does not end where both do', () => {
    expect(keep(ids('c', 'a'), ids('c', 'ab'))).toEqual(['c', 'ab']);
    expect(keep(ids('c', 'ab'), ids('c', 'a'))).toEqual(['c', 'a']);
    expect(keep(ids('c', 'a', 'b', 'b'), ids('c', 'ab', 'c'))).toEqual(['c', 'a', 'b', 'c']);
  });

  it('follows the new text where it differs', () => {
    expect(keep(ids('a', 'c'), ids('b', 'c'))).toEqual(['b', 'c']);
    expect(keep([], ids('b'))).toEqual(['b']);
    expect(keep(ids('b'), [])).toEqual([]);
  });

  it('never makes a control token of its spelling, nor the other way round', () => {
    expect(keep(ids('<|end|>'), ids('<', '|', 'end', '|>'))).toEqual(['<', '|', 'end', '|>']);
    expect(keep(ids('<', '|', 'end', '|>'), ids('<|end|>'))).toEqual(['<|end|>']);
  });
});
