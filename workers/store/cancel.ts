import { PhiError } from '../shared/errors.ts';

const cancelled = () => new PhiError('cancelled', 'Cancelled. Complete parts stay stored.');

/**
 * Unlike the signal's own `throwIfAborted`, it always throws `cancelled`, although the reason of a time limit has
 * another name.
 */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw cancelled();
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}
