import { describe, expect, it } from 'vitest';
import { StopMatcher } from './stop.ts';

/** What each push gives out, then the flush. */
function run(stops: string[], pieces: string[]): { out: string[]; rest: string; stopped: boolean } {
  const matcher = new StopMatcher(stops);
  const out = pieces.map((piece) => matcher.push(piece));
  return { out, stopped: matcher.stopped, rest: matcher.flush() };
}

describe('StopMatcher', () => {
  it.each<[string, string[], string[], string[], string, boolean]>([
    ['no stop strings', [], ['a', 'b'], ['a', 'b'], '', false],
    ['an empty one', [''], ['a', ''], ['a', ''], '', false],
    ['inside a piece', ['STOP'], ['xSTOPy', 'z'], ['x', ''], '', true],
    ['at once', ['STOP'], ['STOP'], [''], '', true],
    ['over pieces', ['STOP'], ['aS', 'T', 'OP', 'b'], ['a', '', '', ''], '', true],
    ['held back, then not', ['STOP'], ['aS', 'T', 'x'], ['a', '', 'STx'], '', false],
    ['held back at the end', ['STOP'], ['aST'], ['a'], 'ST', false],
    ['held back shorter', ['aab'], ['aa', 'a', 'b'], ['', 'a', ''], '', true],
    ['the earlier of two', ['two', 'one'], ['x one two'], ['x '], '', true],
    ['one inside another', ['abcd', 'bc'], ['ab', 'c'], ['', 'a'], '', true],
    ['the longer hold of two', ['abc', 'bX'], ['ab', 'X'], ['', 'a'], '', true],
    ['one character', ['\n'], ['a', '\nb'], ['a', ''], '', true],
    ['emoji', ['👍🏽'], ['a👍', '🏽b'], ['a', ''], '', true],
    ['emoji that is another', ['👍🏽'], ['a👍', '🏿'], ['a', '👍🏿'], '', false],
    ['nothing at all', ['STOP'], [''], [''], '', false],
  ])('%s', (_, stops, pieces, out, rest, stopped) => {
    expect(run(stops, pieces)).toEqual({ out, rest, stopped });
  });

  it('gives out the same text however it is cut', () => {
    const text = 'aabaabaaabbaab-aabb!';
    const stops = ['aabb', 'bba'];
    const whole = run(stops, [text]);
    for (let at = 0; at < text.length; at++) {
      for (let to = at; to < text.length; to++) {
        const { out, stopped } = run(stops, [text.slice(0, at), text.slice(at, to), text.slice(to)]);
        expect(out.join('')).toBe(whole.out.join(''));
        expect(stopped).toBe(true);
      }
    }
  });
});
