/** How to reach servers, and how long to wait for them. Tests shorten the times. */
export interface Net {
  fetch: typeof fetch;
  /** The page's origin. A cross-origin If-Range would force a preflight that model hubs refuse. */
  origin: string;
  /** A connection without a byte for this long is dropped. */
  stallMs: number;
  /** First pause after a failure; doubles with each further one. */
  backoffMs: number;
  /** Failures in a row, without notable progress, before giving up. */
  retries: number;
  /** Hears of every failure that something is tried again after. */
  onRetry?: () => void;
}

export const defaultNet = (): Net => ({
  fetch: (input, init) => fetch(input, init),
  origin: globalThis.location?.origin ?? '',
  stallMs: 30_000,
  backoffMs: 500,
  retries: 6,
});

/**
 * Why one exchange failed, and so what may be done about it. Never leaves this folder.
 * - `connection`: what arrived is good; pause and go on after it
 * - `content`: the answer is not what was asked for; what arrived is thrown away
 * - `no-range`: the server sent the whole file instead of the range
 */
export class Fault extends Error {
  readonly kind: 'connection' | 'content' | 'no-range';
  readonly retryAfterMs: number;

  constructor(kind: Fault['kind'], message: string, retryAfterMs = 0, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Fault';
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}
