/** The page behind `npm run evaluate`, which calls `window.evaluate` over the DevTools protocol. Arguments and answers are plain JSON. */
import { wrap, type Remote } from 'comlink';
import { installErrorTransfer } from '../../../../workers/shared/comlink-errors.ts';
import { PhiError, type ErrorShape } from '../../../../workers/shared/errors.ts';
import type { EvaluateApi } from '../../../../workers/shared/evaluate-protocol.ts';
import evaluateUrl from '../../../../workers/evaluate.worker.ts?worker&url';
import { startWorker, unlessDead } from '../../../../workers/shared/worker-thread.ts';

export type EvaluateAnswer = { value: unknown } | { error: ErrorShape };

declare global {
  interface Window {
    /** Calls one method of EvaluateApi; typed arrays come back as arrays, a failure as its shape. */
    evaluate: (method: keyof EvaluateApi, args: unknown[]) => Promise<EvaluateAnswer>;
  }
}

installErrorTransfer();
const thread = startWorker(evaluateUrl, 'evaluate');
const api: Remote<EvaluateApi> = wrap<EvaluateApi>(thread.worker);

/** Typed arrays cross the DevTools protocol as arrays of numbers; -0, NaN and infinities survive there as they are. */
const plain = (value: unknown): unknown => {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Float32Array);
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
};

window.evaluate = async (method, args) => {
  const call = api[method] as (...args: unknown[]) => Promise<unknown>;
  try {
    return { value: plain(await unlessDead(thread, "The engine's worker", call(...args))) };
  } catch (error) {
    return { error: PhiError.from(error).toShape() };
  }
};
