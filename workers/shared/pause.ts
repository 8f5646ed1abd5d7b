import { PhiError } from './errors.ts';

/** Resolves after `ms`. Rejects with `cancelled` and this message when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal, message = 'Cancelled.'): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new PhiError('cancelled', message));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}
