/**
 * Keeps `--keyboard` at the height that an on-screen keyboard takes from the page, for what ends at its bottom. Safari on iOS lays the keyboard over the
 * page and scrolls it away; other browsers make the page smaller (`interactive-widget` in index.html), and the height stays 0.
 */
export function watchKeyboard(): void {
  const view = window.visualViewport;
  const root = document.documentElement;
  view?.addEventListener('resize', () => {
    // Zoomed in, the visible part is smaller without a keyboard.
    const height = view.scale > 1 ? 0 : Math.max(0, Math.round(root.clientHeight - view.height));
    root.style.setProperty('--keyboard', `${height}px`);
    if (height > 0) scrollTo(0, 0);
  });
}
