/** Signals beside promises. */

/** Settles as `work` does, or rejects with the reason of the first signal that is aborted. */
export async function unlessAborted<T>(work: Promise<T>, signals: readonly (AbortSignal | undefined)[]): Promise<T> {
  const given = signals.filter((signal) => signal !== undefined);
  for (const signal of given) signal.throwIfAborted();
  if (given.length === 0) return work;
  const left = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    for (const signal of given)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: left.signal });
  });
  aborted.catch(() => undefined); // raced below
  work.catch(() => undefined); // an error after an abort is ignored on purpose
  try {
    return await Promise.race([work, aborted]);
  } finally {
    left.abort();
  }
}
