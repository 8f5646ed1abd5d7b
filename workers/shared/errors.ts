/**
 * Every failure that a person may see has a code from this closed union, a message that says what was wrong, where, and what
 * to do, and optional figures. Errors cross from the worker to the page as plain `{code, message, detail}`.
 */
export type ErrorCode =
  | 'bad-model' // the file is damaged or breaks its own format
  | 'unsupported-model' // a sound file of a kind that this app does not run
  | 'bad-document' // a document is damaged, protected, too large or of a kind that is not read
  | 'network' // the server could not be reached or answered wrongly
  | 'integrity' // bytes do not have the expected size or SHA-256
  | 'quota' // the browser refuses to store more
  | 'storage' // IndexedDB failed for another reason
  | 'newer-version' // a newer version of this app wrote what is stored
  | 'cancelled' // a person or the program asked to stop
  | 'no-model' // nothing is loaded, or the model asked for is not stored
  | 'context-full' // the prompt alone does not fit the context
  | 'bad-request' // arguments that make no sense
  | 'backend' // a backend could not be created or gave wrong numbers
  | 'device-lost' // the GPU or WebNN context went away
  | 'out-of-memory'
  | 'worker-died'
  | 'internal';

/** The named fields steer the program. The others are figures for tests and diagnostics. */
export interface ErrorDetail {
  /** Name of the backend candidate that failed. */
  candidate?: string;
  /** HTTP status of the answer. */
  status?: number;
  /** A server answered, but refused the request. */
  refused?: boolean;
  /** With `context-full`: tokens of the prompt, and the most that fit. */
  tokens?: number;
  limit?: number;
  [figure: string]: string | number | boolean | null | undefined;
}

export interface ErrorShape {
  code: ErrorCode;
  message: string;
  detail?: ErrorDetail;
}

/** Codes of failures that lie with a backend, its device or its runtime: another backend may do better with the same model. */
const BACKEND_FAILURES: readonly ErrorCode[] = ['backend', 'device-lost', 'out-of-memory', 'internal'];

export const isBackendFailure = ({ code }: { code: ErrorCode }): boolean => BACKEND_FAILURES.includes(code);

/** The only error class thrown on purpose. A person understands `message` without `detail`. */
export class PhiError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorShape['detail'];

  constructor(code: ErrorCode, message: string, detail?: ErrorShape['detail'], options?: ErrorOptions) {
    super(message, options);
    this.name = 'PhiError';
    this.code = code;
    this.detail = detail;
  }

  /** The plain form that crosses between threads and into JSON. */
  toShape(): ErrorShape {
    return this.detail
      ? { code: this.code, message: this.message, detail: this.detail }
      : { code: this.code, message: this.message };
  }

  static fromShape(shape: ErrorShape): PhiError {
    return new PhiError(shape.code, shape.message, shape.detail);
  }

  /** Wraps anything caught. Browser exceptions with a known meaning keep it; the rest get `fallback`. */
  static from(cause: unknown, fallback: ErrorCode = 'internal'): PhiError {
    if (cause instanceof PhiError) return cause;
    if (cause instanceof Error) {
      if (cause.name === 'AbortError') return new PhiError('cancelled', 'Cancelled.', undefined, { cause });
      if (cause.name === 'QuotaExceededError')
        return new PhiError('quota', `The browser refused to store more data: ${cause.message}`, undefined, { cause });
      return new PhiError(fallback, cause.message || cause.name, undefined, { cause });
    }
    return new PhiError(fallback, String(cause));
  }
}
