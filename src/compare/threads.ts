/** Workers that live for one row: made, used, and ended in every case, so that their memory is given back. */
import { proxy, releaseProxy, wrap, type Remote } from 'comlink';
import type { CompareApi, NativeApi } from '../../workers/shared/compare-protocol.ts';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { startWorker, unlessDead } from '../../workers/shared/worker-thread.ts';
import compareUrl from '../../workers/compare.worker.ts?worker&url';
import nativeUrl from '../../workers/server.worker.ts?worker&url';
import { holdBusy } from '../pwa/busy.ts';

export const withCompareWorker = <T>(signal: AbortSignal, use: (api: Remote<CompareApi>) => Promise<T>) =>
  withWorker<CompareApi, T>(compareUrl, signal, use);
export const withNativeWorker = <T>(signal: AbortSignal, use: (api: Remote<NativeApi>) => Promise<T>) =>
  withWorker<NativeApi, T>(nativeUrl, signal, use);

/** `use`, ended by `signal` (rejects with `cancelled`) or by the death of the worker. The worker is gone when this settles. */
async function withWorker<Api, T>(url: string, signal: AbortSignal, use: (api: Remote<Api>) => Promise<T>): Promise<T> {
  if (signal.aborted) throw new PhiError('cancelled', 'Cancelled.');
  installErrorTransfer();
  const thread = startWorker(url, 'measure');
  const release = holdBusy();
  const api = wrap<Api>(thread.worker);
  const done = new AbortController();
  const cancelled = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new PhiError('cancelled', 'Cancelled.')), { signal: done.signal });
  });
  try {
    return await unlessDead(thread, 'The worker', Promise.race([use(api), cancelled]));
  } catch (cause) {
    throw PhiError.from(cause);
  } finally {
    release();
    done.abort();
    api[releaseProxy]();
    thread.terminate();
  }
}

/** A callback for the worker. */
export const callback = <Args extends unknown[]>(run: (...args: Args) => void) => proxy(run);
