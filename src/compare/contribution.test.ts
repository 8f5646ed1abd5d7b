import { expect, it } from 'vitest';
import { contributionPage } from './contribution.ts';

it('is the page that uploads into results/ on GitHub, the address itself elsewhere, and nothing that is not https', () => {
  expect(contributionPage('https://github.com/owner/name/')).toBe('https://github.com/owner/name/upload/main/results');
  expect(contributionPage('https://git.example.org/owner/name')).toBe('https://git.example.org/owner/name');
  for (const wrong of [undefined, '', 'owner/name', 'http://example.org/x', 'javascript:alert(1)'])
    expect(contributionPage(wrong)).toBeNull();
});
