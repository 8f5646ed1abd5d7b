import { describe, expect, it } from 'vitest';
import type { ChatMessage } from './protocol.ts';
import { fitMessages } from './context-fit.ts';

const message = (role: ChatMessage['role'], content: string): ChatMessage => ({ role, content });
/** Every character is a token. */
const count = (messages: ChatMessage[]) => messages.reduce((sum, { content }) => sum + content.length, 0);
const text = (messages: ChatMessage[]) => messages.map(({ content }) => content).join(' ');

const TALK = [
  message('system', 'sss'),
  message('user', 'u1'),
  message('assistant', 'a1'),
  message('user', 'u2'),
  message('assistant', 'a2'),
  message('assistant', 'a3'),
  message('user', 'u4'),
];

describe('fitMessages', () => {
  it.each<[number, string, string]>([
    [100, 'sss u1 a1 u2 a2 a3 u4', ''],
    [15, 'sss u1 a1 u2 a2 a3 u4', ''],
    [14, 'sss u2 a2 a3 u4', 'u1 a1'],
    [11, 'sss u2 a2 a3 u4', 'u1 a1'],
    [10, 'sss u4', 'u1 a1 u2 a2 a3'],
    [5, 'sss u4', 'u1 a1 u2 a2 a3'],
  ])('%i tokens', (limit, kept, dropped) => {
    const fitted = fitMessages(TALK, count, limit);
    expect([text(fitted.messages), text(fitted.dropped)]).toEqual([kept, dropped]);
  });

  it('says how much too long the last message is', () => {
    const error = {
      code: 'context-full',
      detail: { tokens: 5, limit: 4 },
      message: expect.stringContaining('1 more than the context holds') as string,
    };
    expect(() => fitMessages(TALK, count, 4)).toThrowError(expect.objectContaining(error) as Error);
  });

  it('keeps a reply that is to go on with its question', () => {
    const open = [...TALK, message('assistant', 'a4')];
    expect(text(fitMessages(open, count, 7).messages)).toBe('sss u4 a4');
  });

  it('does without a system message, and with no message at all', () => {
    expect(text(fitMessages(TALK.slice(1), count, 2).messages)).toBe('u4');
    expect(fitMessages([], count, 0)).toEqual({ messages: [], dropped: [], tokens: 0 });
  });

  it('keeps room for the reply, twice where it cuts anew, and none where the last turn has none to give', () => {
    expect(text(fitMessages(TALK, count, 17, { room: 2 }).messages)).toBe('sss u1 a1 u2 a2 a3 u4');
    // 15 tokens exceed 16 - 2: at most 12 are kept.
    expect(fitMessages(TALK, count, 16, { room: 2 })).toMatchObject({ tokens: 11, dropped: TALK.slice(1, 3) });
    expect(fitMessages(TALK, count, 5, { room: 4 })).toMatchObject({ tokens: 5 });
  });

  it('cuts where it cut before while that is enough, and takes back what fits again', () => {
    const cut = (limit: number, droppedBefore: number) =>
      fitMessages(TALK, count, limit, { room: 1, droppedBefore }).dropped.length;
    expect(cut(12, 2)).toBe(2);
    expect(cut(12, 0)).toBe(5);
    expect(cut(11, 2)).toBe(5);
    expect(cut(100, 2)).toBe(0);
    // No turn begins there: the conversation is another one.
    expect(cut(12, 1)).toBe(5);
  });

  it('counts a long conversation only a few times', () => {
    const long = Array.from({ length: 1000 }, (_, i) => message(i % 2 ? 'assistant' : 'user', 'x'));
    let calls = 0;
    const { dropped } = fitMessages(long, (messages) => (calls++, count(messages)), 100);
    expect(dropped).toHaveLength(900);
    expect(calls).toBeLessThan(12);
  });
});
