/**
 * Keeps the screen on while something long is under way: a phone that goes to sleep in the middle of a download or a reply stops it. Asked for
 * only after a while, so that short replies do not touch it; given up by the browser whenever the page is hidden, and asked for again.
 */

/** Work that ends sooner does not keep the screen on. */
const LONG_MS = 10_000;

type Ask = () => Promise<WakeLockSentinel>;

const ask: Ask | null = globalThis.navigator?.wakeLock ? () => navigator.wakeLock.request('screen') : null;

/** Call when work begins. @returns how to end that */
export function keepScreenOn(
  request: Ask | null = ask,
  page: Document | null = globalThis.document ?? null,
): () => void {
  if (!request || !page) return () => undefined;
  let ended = false;
  let sentinel: WakeLockSentinel | null = null;
  const hold = async (): Promise<void> => {
    if (ended || page.visibilityState !== 'visible' || (sentinel && !sentinel.released)) return;
    try {
      sentinel = await request();
      if (ended) await sentinel.release();
    } catch {
      sentinel = null; // A low battery, or a page that was just hidden: the work continues without it.
    }
  };
  const again = (): void => void hold();
  const timer = setTimeout(() => {
    page.addEventListener('visibilitychange', again);
    again();
  }, LONG_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
    page.removeEventListener('visibilitychange', again);
    sentinel?.release().catch(() => undefined); // Released by the browser already.
  };
}
