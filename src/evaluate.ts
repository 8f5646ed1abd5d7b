/** The headless door to the engine: `npm run evaluate` calls `window.evaluate` through the DevTools protocol, so all is plain JSON. */
import { wrap, type Remote } from 'comlink';
import { installErrorTransfer } from '../workers/shared/comlink-errors.ts';
import { PhiError, type ErrorShape } from '../workers/shared/errors.ts';
import type { EvaluateApi } from '../workers/shared/evaluate-protocol.ts';
import evaluateUrl from '../workers/evaluate.worker.ts?worker&url';
import { scriptUrl } from './script-url.ts';

export type EvaluateAnswer = { value: unknown } | { error: ErrorShape };

declare global {
  interface Window {
    /** Calls one method of EvaluateApi; typed arrays come back as arrays, a failure as its shape. */
    evaluate: (method: keyof EvaluateApi, args: unknown[]) => Promise<EvaluateAnswer>;
  }
}

installErrorTransfer();
const worker = new Worker(scriptUrl(evaluateUrl), { type: 'module', name: 'evaluate' });
const api: Remote<EvaluateApi> = wrap<EvaluateApi>(worker);
const death = new Promise<never>((_resolve, reject) => {
  worker.onerror = (event) =>
    reject(
      new PhiError('worker-died', `The engine's worker stopped: ${event.message || 'its script could not be loaded'}`),
    );
});
death.catch(() => undefined); // heard by every call below

/** Typed arrays cross the DevTools protocol as arrays of numbers; -0, NaN and infinities survive there as they are. */
const plain = (value: unknown): unknown => {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float32Array);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};

window.evaluate = async (method, args) => {
  const call = api[method] as (...args: unknown[]) => Promise<unknown>;
  try {
    return { value: plain(await Promise.race([call(...args), death])) };
  } catch (error) {
    return { error: PhiError.from(error).toShape() };
  }
};
