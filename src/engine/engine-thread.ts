import type { Endpoint } from 'comlink';
import engineUrl from '../../workers/engine.worker.ts?worker&url';
import { lifelineName, watchLifeline } from '../../workers/shared/lifeline.ts';
import { scriptUrl } from '../script-url.ts';

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
  const name = lifelineName('engine');
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
      watchLifeline(worker, name, ended.signal, () => listener('it was ended from outside'));
    },
  };
}
