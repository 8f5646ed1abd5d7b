import type { Endpoint } from 'comlink';
import engineUrl from '../../workers/engine.worker.ts?worker&url';
import { startWorker } from '../../workers/shared/worker-thread.ts';

/** The thread that an engine runs on, as far as the page needs to know it: a Web Worker, or a scripted stand-in for tests. */
export interface EngineThread {
  readonly endpoint: Endpoint;
  /** Resolves with the reason once the thread can no longer be trusted. */
  readonly died: Promise<string>;
  /** Stops the thread at once. `died` does not resolve afterwards. */
  terminate(): void;
}

/** The one place where the engine worker is made. `url`: where its script lies, if not beside this module. */
export function spawnEngineWorker(url = engineUrl): EngineThread {
  const thread = startWorker(url, 'engine');
  return { endpoint: thread.worker, died: thread.died, terminate: () => thread.terminate() };
}
