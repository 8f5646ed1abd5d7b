/** Rows that hang: a driver that never answers would keep a comparison waiting for ever. */
import { PhiError } from '../../workers/shared/errors.ts';
import { watchSilence } from '../../workers/shared/silence.ts';

/** No row is given up sooner, however small the model. */
const LEAST_SILENCE_MS = 180_000;

/**
 * Runs `work` with a signal that aborts when `signal` does, or when `heard` was not called for as long as the whole of it was thought to take.
 * Rejects with `backend` in that case; `advice` is what a person can do then.
 */
export async function withDeadline<T>(
  { estimateSeconds, advice }: { estimateSeconds: number; advice: string },
  signal: AbortSignal,
  work: (signal: AbortSignal, heard: () => void) => Promise<T>,
): Promise<T> {
  const patienceMs = Math.max(LEAST_SILENCE_MS, estimateSeconds * 1000);
  const silent = new AbortController();
  const { heard, end } = watchSilence(patienceMs, () => silent.abort());
  try {
    return await work(AbortSignal.any([signal, silent.signal]), heard);
  } catch (cause) {
    if (!silent.signal.aborted || signal.aborted) throw cause;
    throw new PhiError(
      'backend',
      `It did not respond for ${Math.round(patienceMs / 1000)} s, so the page stopped it. ${advice}`,
      undefined,
      { cause },
    );
  } finally {
    end();
  }
}
