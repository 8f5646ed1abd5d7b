/** Screens by the fragment of the address, so that any static host can serve the page. */
export type Route =
  | { screen: 'chat'; conversation: string | null }
  | { screen: 'models' | 'settings' | 'diagnostics' | 'results' }
  /** `document`: one that is open, at a page (from 1), with a stretch of the page's text marked. */
  | { screen: 'documents'; document: string | null; page: number; mark: { start: number; end: number } | null }
  /** `shared`: a packed result that the link carries. */
  | { screen: 'compare'; shared: string | null };

/** The screen of a fragment. An unknown fragment opens a new chat. */
export function parseRoute(hash: string): Route {
  const path = hash.replace(/^#\/?/, '');
  if (path === 'models' || path === 'settings' || path === 'diagnostics' || path === 'results') return { screen: path };
  const documents = /^documents(?:\/([\w-]+)(?:\/(\d{1,7})(?:\/(\d{1,9})-(\d{1,9}))?)?)?$/.exec(path);
  if (documents) {
    const [, id = null, page = '1', start, end] = documents;
    const mark = start === undefined ? null : { start: Number(start), end: Number(end) };
    return { screen: 'documents', document: id, page: Number(page), mark };
  }
  const compare = /^compare(?:\/(.+))?$/s.exec(path);
  if (compare) return { screen: 'compare', shared: compare[1] ?? null };
  const conversation = /^c\/([\w-]+)$/.exec(path)?.[1];
  return { screen: 'chat', conversation: conversation ?? null };
}

export function chatHref(conversation: string | null): string {
  return conversation ? `#/c/${conversation}` : '#/';
}

export class Router {
  #route = $state.raw<Route>({ screen: 'chat', conversation: null });

  constructor() {
    this.#route = parseRoute(location.hash);
    window.addEventListener('hashchange', () => (this.#route = parseRoute(location.hash)));
  }

  get route(): Route {
    return this.#route;
  }

  /** Goes to a fragment; `replace` leaves no entry in the history. */
  go(href: string, options: { replace?: boolean } = {}): void {
    if (options.replace) history.replaceState(null, '', href);
    else history.pushState(null, '', href);
    this.#route = parseRoute(location.hash);
  }
}
