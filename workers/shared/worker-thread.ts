/**
 * The one way to make a worker and to see it end. Every call to a worker is raced against its death, so that nothing waits for ever.
 *
 * A worker dies in three ways: its script does not load or throws (`error`), a message cannot be read (`messageerror`), or it is ended from
 * outside, by the browser for want of memory or by a person's tools, which fires no event. The third is seen by a Web Lock: a worker holds a
 * lock of its own name for as long as it lives, and the browser releases it when the worker is gone.
 */
import { PhiError } from './errors.ts';
import { scriptUrl } from './script-url.ts';

/** Sent by the worker once it holds its lock. Comlink ignores it. */
const LOCK_HELD = 'worker lock held';

export interface WorkerThread {
  /** For comlink's `wrap`. */
  readonly worker: Worker;
  /** Resolves with the reason, in words, once the worker can no longer be trusted. Does not resolve after `terminate`. */
  readonly died: Promise<string>;
  /** Ends the worker at once; its memory goes back to the system. */
  terminate(): void;
}

/**
 * Starts a module worker.
 * @param url of its script, of this app's own origin
 * @param kind part of the worker's name, as developer tools show it: "engine"
 */
export function startWorker(url: string, kind: string): WorkerThread {
  const name = uniqueName(kind);
  const worker = new Worker(scriptUrl(url), { type: 'module', name });
  const terminated = new AbortController();
  const died = new Promise<string>((resolve) => {
    const { signal } = terminated;
    const onError = (event: ErrorEvent): void => {
      event.preventDefault();
      // A script that fails to load gives a plain Event without a message.
      resolve(event.message || 'its script could not be loaded');
    };
    worker.addEventListener('error', onError, { signal });
    worker.addEventListener('messageerror', () => resolve('a message from it could not be read'), { signal });
    watchLock(worker, name, signal, () => resolve('the browser or the system ended it'));
  });
  return {
    worker,
    died,
    terminate() {
      terminated.abort();
      worker.terminate();
    },
  };
}

/**
 * Settles as `work` does, or rejects with `worker-died` when the thread dies first.
 * @param what names the worker in the message: "The worker of layers 1 to 19"
 */
export async function unlessDead<T>({ died }: Pick<WorkerThread, 'died'>, what: string, work: Promise<T>): Promise<T> {
  const death = died.then((why): never => {
    throw new PhiError('worker-died', `${what} ended: ${why}.`);
  });
  death.catch(() => undefined); // raced below; a death after `work` has settled is not an error
  return Promise.race([work, death]);
}

/**
 * For the worker, before anything else: from now on its owner notices its end. Does nothing where there are no Web
 * Locks; there only a limit of time shows that a worker was ended from outside.
 */
export function holdWorkerLock(): void {
  const { locks } = navigator as { locks?: LockManager };
  void locks?.request(self.name, () => {
    self.postMessage(LOCK_HELD);
    return new Promise(() => undefined);
  });
}

/** Calls `onEnd` once the worker has ended. A worker that ends before it holds its lock is not noticed here. */
function watchLock(worker: Worker, name: string, signal: AbortSignal, onEnd: () => void): void {
  const begin = ({ data }: MessageEvent): void => {
    if (data !== LOCK_HELD) return;
    worker.removeEventListener('message', begin);
    navigator.locks.request(name, { signal }, onEnd).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  };
  worker.addEventListener('message', begin, { signal });
}

/** A name that no other worker has, in this tab or another. */
const uniqueName = (kind: string): string =>
  `phi-${kind}-${Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join('')}`;
