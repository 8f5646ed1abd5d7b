import type { Endpoint } from 'comlink';
import engineUrl from '../workers/engine.worker.ts?worker&url';
import { scriptUrl } from './script-url.ts';

/** The thread that an engine runs on, as far as the page needs to know it: a Web Worker, or a scripted stand-in for tests. */
export interface EngineThread {
  readonly endpoint: Endpoint;
  /** Stops the thread at once. Nothing is reported afterwards. */
  terminate(): void;
  /** `listener` hears why the thread can no longer be trusted. */
  onFailure(listener: (why: string) => void): void;
}

let threads = 0;

/** The one place where the engine worker is made. */
export function spawnEngineWorker(): EngineThread {
  // The worker holds a lock of its own name while it lives.
  const name = `phi-engine-${crypto.getRandomValues(new Uint32Array(1))[0]}-${++threads}`;
  const worker = new Worker(scriptUrl(engineUrl), { type: 'module', name });
  const ended = new AbortController();
  return {
    endpoint: worker,
    terminate: () => {
      ended.abort();
      worker.terminate();
    },
    onFailure(listener) {
      worker.onerror = (event) => {
        event.preventDefault();
        // A script that fails to load gives a plain Event without a message.
        listener(event.message || 'its script could not be loaded');
      };
      worker.onmessageerror = () => listener('a message from it could not be read');
      worker.addEventListener('message', () => void watch(name, ended.signal, listener), { once: true });
    },
  };
}

const POLL_MS = 100;

/** A worker that is ended from outside (by the browser for want of memory, by a developer's tools) fires no event; its lock comes free at once. */
async function watch(name: string, signal: AbortSignal, listener: (why: string) => void): Promise<void> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return; // Then the heartbeat notices, after a minute.
  while (!signal.aborted && !(await locks.query()).held?.some((lock) => lock.name === name)) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  try {
    await locks.request(name, { signal }, () => listener('it was ended from outside'));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
