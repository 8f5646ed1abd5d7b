/** Workers that live for one row: made, used, and ended in every case, so that their memory is given back. */
import { proxy, releaseProxy, wrap, type Remote } from 'comlink';
import type { CompareApi, NativeApi } from '../../workers/shared/compare-protocol.ts';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { lifelineName, watchLifeline } from '../../workers/shared/lifeline.ts';
import compareUrl from '../../workers/compare.worker.ts?worker&url';
import nativeUrl from '../../workers/server.worker.ts?worker&url';
import { holdBusy } from '../pwa/busy.ts';
import { scriptUrl } from '../script-url.ts';

export const withCompareWorker = <T>(signal: AbortSignal, use: (api: Remote<CompareApi>) => Promise<T>) =>
  withWorker<CompareApi, T>(compareUrl, signal, use);
export const withNativeWorker = <T>(signal: AbortSignal, use: (api: Remote<NativeApi>) => Promise<T>) =>
  withWorker<NativeApi, T>(nativeUrl, signal, use);

/** `use`, ended by `signal` (rejects with `cancelled`) or by the death of the worker. The worker is gone when this settles. */
async function withWorker<Api, T>(url: string, signal: AbortSignal, use: (api: Remote<Api>) => Promise<T>): Promise<T> {
  if (signal.aborted) throw new PhiError('cancelled', 'Cancelled.');
  installErrorTransfer();
  const name = lifelineName('measure');
  const worker = new Worker(scriptUrl(url), { type: 'module', name });
  const release = holdBusy();
  const api = wrap<Api>(worker);
  const end = new AbortController();
  const ended = new Promise<never>((_resolve, reject) => {
    const dead = (why: string) => reject(new PhiError('worker-died', `The worker ended: ${why}.`));
    worker.onerror = (event) => {
      event.preventDefault();
      dead(event.message || 'its script could not be loaded');
    };
    worker.onmessageerror = () => dead('a message from it could not be read');
    watchLifeline(worker, name, end.signal, () => dead('it was ended from outside'));
    signal.addEventListener('abort', () => reject(new PhiError('cancelled', 'Cancelled.')), { signal: end.signal });
  });
  try {
    return await Promise.race([use(api), ended]);
  } catch (cause) {
    throw PhiError.from(cause);
  } finally {
    release();
    end.abort();
    api[releaseProxy]();
    worker.terminate();
  }
}

/** A callback for the worker. */
export const callback = <Args extends unknown[]>(run: (...args: Args) => void) => proxy(run);
