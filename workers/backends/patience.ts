/** Devices that never answer: a driver may take a graph, a run or a read and not come back, with everything idle (WebNN in Chromium 153 now and then). */
import { PhiError } from '../errors.ts';

/** Context, adapter and small graphs answer within it, the first time that a driver is loaded too. */
export const SMALL_STEP_MS = 60_000;
/** A model's graph may be compiled for so long, by the bytes of its weights. Measured: 10 s a gigabyte on LiteRT, NPU compilers take minutes. */
const BUILD_MS_PER_BYTE = 120_000 / 1e9;

export const buildPatienceMs = (weightBytes: number): number => SMALL_STEP_MS + weightBytes * BUILD_MS_PER_BYTE;

const TICK_MS = 1_000;

/**
 * Runs `work` and rejects with `device-lost` when `heard` was not called for `silenceMs`. Ticks are counted rather than time, so that a tab that was
 * suspended, or a worker that was busy itself, has not waited meanwhile. What was given up goes on in the background, if it ever does: its outcome
 * is nobody's any more, and the worker in which it hangs is best ended.
 *
 * @param what names the place and the step: "WebNN (NPU): building the graph"
 */
export async function unlessSilent<T>(what: string, silenceMs: number, work: (heard: () => void) => Promise<T>): Promise<T> {
  let ticks = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (++ticks * TICK_MS < silenceMs) return;
      reject(new PhiError('device-lost', `${what} gave no sign of life for ${Math.round(silenceMs / 1000)} s and was given up.`));
    }, TICK_MS);
  });
  try {
    return await Promise.race([work(() => (ticks = 0)), silence]);
  } finally {
    clearInterval(timer);
  }
}
