/** Waits for something that may never answer. */
import type { PhiError } from './errors.ts';

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

/**
 * Settles as `work` does, or rejects with `error()` when `heard` was not called for `silenceMs`. Abandoned work may go on in the background. Its outcome is
 * ignored, and its worker should be ended.
 */
export async function unlessSilent<T>(
  silenceMs: number,
  error: () => PhiError,
  work: (heard: () => void) => Promise<T>,
): Promise<T> {
  let reject: (error: PhiError) => void;
  const silent = new Promise<never>((_, fail) => (reject = fail));
  const { heard, end } = watchSilence(silenceMs, () => reject(error()));
  try {
    return await Promise.race([work(heard), silent]);
  } finally {
    end();
  }
}
