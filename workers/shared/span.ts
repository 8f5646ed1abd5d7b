/** Named spans of time in the User Timing API: the Performance panel of a browser shows them, and so does `npm run bench:first-minute`. */

const PREFIX = 'phi: ';

/** Runs `work` and records how long it took, even if it fails. */
export async function span<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work();
  } finally {
    performance.measure(PREFIX + name, { start, end: performance.now() });
  }
}

/** Records a moment. */
export const mark = (name: string): void => void performance.mark(PREFIX + name);
