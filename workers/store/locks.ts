import { throwIfCancelled } from './cancel.ts';

/** Without Web Locks (insecure contexts, Node 20), the jobs of one thread queue here. Other tabs are then ignored. */
const queues = new Map<string, Promise<unknown>>();

function queued<T>(name: string, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
  const start = () => {
    throwIfCancelled(signal);
    return job();
  };
  // A failed job does not hold up the next one, so the queue goes on either way.
  const run = (queues.get(name) ?? Promise.resolve()).then(start, start);
  queues.set(name, run);
  return run;
}

/**
 * Runs `job` when no other tab and no other call holds the model. The second to install a model waits here, and then finds it stored.
 * Waiting ends with `cancelled` when the signal says so.
 */
export async function withModelLock<T>(model: string, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
  const name = `phi-model/${model}`;
  const locks: LockManager | undefined = globalThis.navigator?.locks;
  if (!locks) return queued(name, signal, job);
  let entered = false;
  try {
    return await locks.request(name, { signal }, () => {
      entered = true;
      return job();
    });
  } catch (cause) {
    if (!entered) throwIfCancelled(signal);
    throw cause;
  }
}
