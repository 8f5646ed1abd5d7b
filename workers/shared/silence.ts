/** Waits for something that may never answer. */
const TICK_MS = 1_000;

/**
 * Calls `onSilent` when `heard` was not called for `silenceMs`, until `end`. Ticks are counted rather than time, so that a tab that was suspended, or a
 * worker that was busy itself, has not waited meanwhile.
 */
export function watchSilence(silenceMs: number, onSilent: () => void): { heard: () => void; end: () => void } {
  let ticks = 0;
  const timer = setInterval(() => {
    if (++ticks * TICK_MS < silenceMs) return;
    clearInterval(timer);
    onSilent();
  }, TICK_MS);
  return { heard: () => void (ticks = 0), end: () => clearInterval(timer) };
}
