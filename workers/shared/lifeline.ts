/**
 * How the owner of a worker sees its end. A worker that is ended from outside (by the browser for want of memory, by a developer's tools) fires no
 * event. But it gives up its Web Locks at once: it holds one of its own name for as long as it lives, and its owner waits for that one.
 */

/** A message of the worker's own, which comlink overlooks: from now on its lock tells of its end. */
const HELD = 'lifeline held';

/** For the worker, before anything else. Does nothing where there are no Web Locks. */
export function holdLifeline(): void {
  const { locks } = navigator as { locks?: LockManager };
  void locks?.request(self.name, () => {
    self.postMessage(HELD);
    return new Promise(() => undefined);
  });
}

/**
 * For the owner of a worker that holds its lifeline, at once after it was made. `name`: the worker's, like no other's. `onEnd` is called once it has
 * ended, unless `signal` was aborted before. A worker that ends before it holds its lock is not heard of: only a limit of time tells of that one.
 */
export function watchLifeline(worker: Worker, name: string, signal: AbortSignal, onEnd: () => void): void {
  const begin = ({ data }: MessageEvent): void => {
    if (data !== HELD) return;
    worker.removeEventListener('message', begin);
    navigator.locks.request(name, { signal }, onEnd).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  };
  worker.addEventListener('message', begin, { signal });
}

/** A name for a worker that no other has, in this tab or another. */
export const lifelineName = (what: string): string =>
  `phi-${what}-${Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join('')}`;
