import { describe, expect, it } from 'vitest';
import type { Message } from './conversation.ts';
import { append, childrenOf, find, positionOf, replace } from './tree.ts';

const message = (id: string, parent: string | null): Message => ({
  id,
  parent,
  role: 'user',
  content: id,
  createdAt: 0,
});
const ids = (messages: readonly Message[]) => messages.map(({ id }) => id);

describe('a tree of messages', () => {
  it('knows positions, children and first messages', () => {
    const messages = [message('a', null), message('b', 'a'), message('c', 'a'), message('d', null)];
    expect(positionOf(messages, 'c')).toBe(2);
    expect(positionOf(messages, 'nothing')).toBe(-1);
    expect(find(messages, 'nothing')).toBeUndefined();
    expect(ids(childrenOf(messages, 'a'))).toEqual(['b', 'c']);
    expect(ids(childrenOf(messages, null))).toEqual(['a', 'd']);
    expect(childrenOf(messages, 'd')).toEqual([]);
  });

  it('keeps older lists as they were when a newer one shares its maps', () => {
    const one = [message('a', null)];
    const two = append(one, message('b', 'a'));
    const three = append(two, message('c', 'b'));
    expect([positionOf(one, 'b'), positionOf(two, 'c'), positionOf(three, 'c')]).toEqual([-1, -1, 2]);
    expect(childrenOf(one, 'a')).toEqual([]);
    expect(ids(childrenOf(two, 'a'))).toEqual(['b']);
  });

  it('tells two continuations of one list apart', () => {
    const one = [message('a', null)];
    const left = append(one, message('left', 'a'));
    const right = append(one, message('right', 'a'));
    expect([positionOf(left, 'right'), positionOf(right, 'left')]).toEqual([-1, -1]);
    expect(ids(childrenOf(left, 'a'))).toEqual(['left']);
    expect(ids(childrenOf(right, 'a'))).toEqual(['right']);
    expect(ids(childrenOf(append(right, message('b', 'right')), 'right'))).toEqual(['b']);
  });

  it('gives back what was put in the place of a message', () => {
    const messages = [message('a', null), message('b', 'a')];
    const other = replace(messages, 1, { ...messages[1]!, content: 'new' });
    expect(find(other, 'b')?.content).toBe('new');
    expect(find(messages, 'b')?.content).toBe('b');
    expect(ids(childrenOf(other, 'a'))).toEqual(['b']);
  });
});
