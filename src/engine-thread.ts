import type { Endpoint } from 'comlink';

/** The thread that an engine runs on, as far as the page needs to know it: a Web Worker, or a scripted stand-in for tests. */
export interface EngineThread {
  readonly endpoint: Endpoint;
  /** Stops the thread at once. Nothing is reported afterwards. */
  terminate(): void;
  /** `listener` hears why the thread can no longer be trusted. */
  onFailure(listener: (why: string) => void): void;
}

/** The one place where the engine worker is made. */
export function spawnEngineWorker(): EngineThread {
  const worker = new Worker(new URL('../workers/engine.worker.ts', import.meta.url), { type: 'module', name: 'engine' });
  return {
    endpoint: worker,
    terminate: () => worker.terminate(),
    onFailure(listener) {
      worker.onerror = (event) => {
        event.preventDefault();
        // A script that fails to load gives a plain Event without a message.
        listener(event.message || 'its script could not be loaded');
      };
      worker.onmessageerror = () => listener('a message from it could not be read');
    },
  };
}
