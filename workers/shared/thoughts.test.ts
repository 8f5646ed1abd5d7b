import { describe, expect, it } from 'vitest';
import { openedThought, splitThought, withoutThought } from './thoughts.ts';

describe('splitThought', () => {
  it.each([
    ['plain', null, 'plain', false],
    ['', null, '', false],
    ['a <think>b</think>', null, 'a <think>b</think>', false],
    ['<th', '', '', true],
    ['<b>bold</b>', null, '<b>bold</b>', false],
    ['<think>', '', '', true],
    ['\n<think>\nhm, 1 < 2', 'hm, 1 < 2', '', true],
    ['<think>hm</thi', 'hm', '', true],
    ['<think>hm</think>', 'hm', '', false],
    ['<think>\nhm\n</think>\n\nYes. </think>', 'hm', 'Yes. </think>', false],
  ])('%j', (text, thought, answer, open) => {
    expect(splitThought(text)).toEqual({ thought, answer, open });
  });

  it('never shows less of the answer as the text grows', () => {
    const text = '<think>\na </b> thought\n</think>\n\nThe answer.';
    let longest = '';
    for (let end = 1; end <= text.length; end++) {
      const { answer } = splitThought(text.slice(0, end));
      expect(answer.startsWith(longest), text.slice(0, end)).toBe(true);
      longest = answer;
    }
    expect(longest).toBe('The answer.');
  });
});

it('strips thoughts, also unfinished ones, and nothing else', () => {
  expect(withoutThought('<think>hm</think>\nYes')).toBe('Yes');
  expect(withoutThought('<think>hm')).toBe('');
  expect(withoutThought(' spaced ')).toBe(' spaced ');
});

it('knows a prompt that opens the thought', () => {
  expect(openedThought('<|assistant|><think>\n')).toBe('<think>\n');
  expect(openedThought('<|user|><think>x<|assistant|>')).toBe('');
});
