import { expect, it } from 'vitest';
import { TEXT_CHARACTERS } from './limits.ts';
import { PageCollector } from './pages.ts';

it('a last page that is longer than the limit is cut, and that is said', () => {
  const collector = new PageCollector(() => undefined);
  collector.addAll(['short', 'x'.repeat(TEXT_CHARACTERS)]);
  expect(collector.pages.map(({ text }) => text.length)).toEqual([5, TEXT_CHARACTERS - 5]);
  expect(collector.gaps(2)).toEqual([{ kind: 'cut', read: 2, total: 2 }]);
});
