/** Devices that never answer: a driver may take a graph, a run or a read and not come back, with everything idle (WebNN in Chromium 153 now and then). */
import { PhiError } from '../../shared/errors.ts';
import { unlessSilent } from '../../shared/silence.ts';

/** A context, an adapter and small graphs answer within it, even when the driver is loaded for the first time. */
export const SMALL_STEP_MS = 60_000;
/** Time limit for compiling a model's graph, by the bytes of its weights. Measured: 10 s a gigabyte on LiteRT, NPU compilers take minutes. */
const BUILD_MS_PER_BYTE = 120_000 / 1e9;

export const buildDeadlineMs = (weightBytes: number): number => SMALL_STEP_MS + weightBytes * BUILD_MS_PER_BYTE;

let patience = 1;

/** Multiplies every limit of `withDeadline` from now on: for tests on a processor that other programs use too. */
export function waitLonger(times: number): void {
  patience = times;
}

/**
 * Runs `work` and rejects with `device-lost` when `heard` was not called for `silenceMs`.
 *
 * @param what names the place and the step: "WebNN (NPU): building the graph"
 */
export const withDeadline = <T>(
  what: string,
  silenceMs: number,
  work: (heard: () => void) => Promise<T>,
): Promise<T> => {
  const limitMs = silenceMs * patience;
  const seconds = Math.round(limitMs / 1000);
  const error = () =>
    new PhiError('device-lost', `${what} did not respond for ${seconds} s, so the app stopped waiting.`);
  return unlessSilent(limitMs, error, work);
};
