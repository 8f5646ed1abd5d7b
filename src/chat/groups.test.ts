import { describe, expect, it } from 'vitest';
import { bySummaryOrder, type Summary } from './conversation.ts';
import { foldersOf, groupsOf, keyOf } from './groups.ts';

const NOW = new Date(2026, 5, 15, 12).getTime();
const DAY = 24 * 60 * 60 * 1000;

const chat = (id: string, days: number, more: Partial<Summary> = {}): Summary => ({
  id,
  title: id,
  pinned: false,
  createdAt: 0,
  updatedAt: NOW - days * DAY,
  ...more,
});

const listed = (...summaries: Summary[]) =>
  groupsOf(summaries.sort(bySummaryOrder), NOW).map(({ heading, summaries }) => [
    heading,
    summaries.map(({ id }) => id),
  ]);

describe('groupsOf', () => {
  it('shows pinned chats, then folders by name, then the others by age', () => {
    expect(
      listed(
        chat('old', 40),
        chat('soup', 30, { folder: 'Recipes' }),
        chat('new', 0),
        chat('tax', 3, { folder: 'House' }),
        chat('bread', 0, { folder: 'Recipes' }),
        chat('first', 50, { pinned: true, folder: 'House' }),
        chat('past', 1),
      ),
    ).toEqual([
      ['pinned', ['first']],
      [{ folder: 'House' }, ['tax']],
      [{ folder: 'Recipes' }, ['bread', 'soup']],
      ['today', ['new']],
      ['yesterday', ['past']],
      ['older', ['old']],
    ]);
  });

  it('keeps a folder apart from a heading of the same name', () => {
    const groups = groupsOf([chat('a', 0, { folder: 'today' }), chat('b', 0)], NOW);
    expect(new Set(groups.map(keyOf)).size).toBe(2);
  });

  it('has no headings without chats', () => {
    expect(groupsOf([], NOW)).toEqual([]);
  });
});

it('names each folder once, in the order of its names', () => {
  expect(
    foldersOf([
      chat('a', 0, { folder: 'b' }),
      chat('b', 0),
      chat('c', 1, { folder: 'a' }),
      chat('d', 2, { folder: 'b' }),
    ]),
  ).toEqual(['a', 'b']);
});
