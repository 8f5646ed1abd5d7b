/**
 * Remembers whether the page was closed properly the last time. After a crash of its process, the candidate of that time is not tried again (see
 * workers/engine/choose/probe-memory.ts). A page that was reloaded or closed in the middle of a load must not cost a backend that works.
 */
const KEY = 'phi-left';

/** Reads and clears the mark, and sets it again when this page closes. True at the first visit too. */
export function wasLeftInOrder(): boolean {
  if (typeof addEventListener !== 'function' || typeof localStorage === 'undefined') return false;
  try {
    const left = localStorage.getItem(KEY) !== 'here';
    localStorage.setItem(KEY, 'here');
    addEventListener('pagehide', () => localStorage.removeItem(KEY));
    addEventListener('pageshow', () => localStorage.setItem(KEY, 'here'));
    return left;
  } catch {
    return false; // Storage is forbidden: then nothing is remembered of backends either.
  }
}
