/** Exceptions of the Prompt API ("Errors"), and how the engine's failures map to them. */
import { PhiError } from '../../../workers/shared/errors.ts';

/** Web IDL's QuotaExceededError: a DOMException with figures. Browsers have it as a global since 2025; others get this one. */
class QuotaExceededErrorPolyfill extends DOMException {
  /** In tokens. */
  readonly quota: number;
  readonly requested: number;

  constructor(message: string, { quota, requested }: { quota: number; requested: number }) {
    super(message, 'QuotaExceededError');
    this.quota = quota;
    this.requested = requested;
  }
}

type QuotaExceededErrorConstructor = typeof QuotaExceededErrorPolyfill;

/**
 * The prompt does not fit the context window.
 * @param requested tokens that it takes
 * @param quota tokens that the window holds
 */
export function quotaExceeded(requested: number, quota: number): DOMException {
  const { QuotaExceededError = QuotaExceededErrorPolyfill } = globalThis as {
    QuotaExceededError?: QuotaExceededErrorConstructor;
  };
  const message = `The prompt needs ${requested} tokens, but the context window holds ${quota}.`;
  return new QuotaExceededError(message, { quota, requested });
}

export const notSupported = (message: string): DOMException => new DOMException(message, 'NotSupportedError');
export const syntaxError = (message: string): DOMException => new DOMException(message, 'SyntaxError');

/** What a signal that is already aborted throws; nothing otherwise. */
export function throwIfAborted(signals: readonly (AbortSignal | null | undefined)[]): void {
  for (const signal of signals) signal?.throwIfAborted();
}

/** The DOMException for a failure of the engine. `during`: creation fails with OperationError, prompting with UnknownError. */
export function toDomException(cause: unknown, during: 'create' | 'prompt'): unknown {
  // A DOMException, or a TypeError of the caller's own making, says it already.
  if (!(cause instanceof PhiError)) return cause;
  const { code, message } = cause;
  if (code === 'cancelled') return new DOMException(message, 'AbortError');
  if (code === 'network') return new DOMException(message, 'NetworkError');
  if (code === 'bad-request' || code === 'unsupported-model') return notSupported(message);
  return new DOMException(message, during === 'create' ? 'OperationError' : 'UnknownError');
}
