/** Screens by the fragment of the address, so that any static host can serve the page. */
export type Route =
  | { screen: 'chat'; conversation: string | null }
  | { screen: 'models' | 'settings' | 'diagnostics' }
  /** `shared`: a packed result that the link carries. */
  | { screen: 'compare'; shared: string | null };

/** The screen of a fragment. An unknown fragment opens a new chat. */
export function parseRoute(hash: string): Route {
  const path = hash.replace(/^#\/?/, '');
  if (path === 'models' || path === 'settings' || path === 'diagnostics') return { screen: path };
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
