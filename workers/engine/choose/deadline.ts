/** Devices that never answer: a driver may take a graph, a run or a read and not come back, with everything idle (WebNN in Chromium 153 now and then). */
import { PhiError } from '../../shared/errors.ts';
import { watchSilence } from '../../shared/silence.ts';

/** Context, adapter and small graphs answer within it, the first time that a driver is loaded too. */
export const SMALL_STEP_MS = 60_000;
/** Time limit for compiling a model's graph, by the bytes of its weights. Measured: 10 s a gigabyte on LiteRT, NPU compilers take minutes. */
const BUILD_MS_PER_BYTE = 120_000 / 1e9;

export const buildDeadlineMs = (weightBytes: number): number => SMALL_STEP_MS + weightBytes * BUILD_MS_PER_BYTE;

/**
 * Runs `work` and rejects with `device-lost` when `heard` was not called for `silenceMs`. What was given up goes on in the background, if it ever does:
 * its outcome is nobody's any more, and the worker in which it hangs is best ended.
 *
 * @param what names the place and the step: "WebNN (NPU): building the graph"
 */
export async function withDeadline<T>(
  what: string,
  silenceMs: number,
  work: (heard: () => void) => Promise<T>,
): Promise<T> {
  let reject: (error: PhiError) => void;
  const silent = new Promise<never>((_, fail) => (reject = fail));
  const { heard, end } = watchSilence(silenceMs, () =>
    reject(
      new PhiError(
        'device-lost',
        `${what} did not respond for ${Math.round(silenceMs / 1000)} s, so the app stopped waiting.`,
      ),
    ),
  );
  try {
    return await Promise.race([work(heard), silent]);
  } finally {
    end();
  }
}
