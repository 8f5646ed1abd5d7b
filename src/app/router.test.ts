import { describe, expect, it } from 'vitest';
import { chatHref, parseRoute } from './router.svelte.ts';

describe('parseRoute', () => {
  it('knows the screens', () => {
    for (const screen of ['models', 'settings', 'diagnostics', 'results'])
      expect(parseRoute(`#/${screen}`)).toEqual({ screen });
  });

  it('knows documents, one of them, its page and a mark in it', () => {
    const open = { screen: 'documents', document: 'ab1', page: 1, mark: null };
    expect(parseRoute('#/documents')).toEqual({ ...open, document: null });
    expect(parseRoute('#/documents/ab1')).toEqual(open);
    expect(parseRoute('#/documents/ab1/12')).toEqual({ ...open, page: 12 });
    expect(parseRoute('#/documents/ab1/12/5-40')).toEqual({ ...open, page: 12, mark: { start: 5, end: 40 } });
    expect(parseRoute('#/documents/ab1/x')).toEqual({ screen: 'chat', conversation: null });
  });

  it('knows a link that carries a result', () => {
    expect(parseRoute('#/compare')).toEqual({ screen: 'compare', shared: null });
    expect(parseRoute('#/compare/q1a-_')).toEqual({ screen: 'compare', shared: 'q1a-_' });
  });

  it('reads back the address of a conversation', () => {
    expect(parseRoute(chatHref('abc123'))).toEqual({ screen: 'chat', conversation: 'abc123' });
    expect(parseRoute(chatHref(null))).toEqual({ screen: 'chat', conversation: null });
  });

  it.each(['', '#', '#/', '#/nowhere', '#/c/', '#/c/../x', '#/c/<x>', '#models/x'])(
    'takes anything else for a new chat: %s',
    (hash) => {
      expect(parseRoute(hash)).toEqual({ screen: 'chat', conversation: null });
    },
  );
});
