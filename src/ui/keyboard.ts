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

/**
 * True if a key belongs to an input method (Japanese, Chinese, Korean). Safari reports the Return that ends a conversion behind
 * `compositionend`, without `isComposing`, but with the key code that stands for input methods.
 */
export const isComposing = (event: KeyboardEvent): boolean => event.isComposing || event.keyCode === 229;

/** On-screen keyboards have no Shift+Return, so Return makes a line there. */
export const TOUCH = '(pointer: coarse)';

/** True if a key sends the message: Return, or Ctrl or Cmd with Return if Return alone makes a new line. */
export function sendsMessage(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' || event.shiftKey || event.altKey || isComposing(event)) return false;
  return event.ctrlKey || event.metaKey || !matchMedia(TOUCH).matches;
}

/** A message as it is sent: without empty lines before and behind it. The blanks of its first line stay, for they may indent code. */
export const messageText = (written: string): string => written.replace(/^(?:[^\S\n]*\n)+/, '').trimEnd();
