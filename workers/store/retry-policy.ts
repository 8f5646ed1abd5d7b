import { PhiError } from '../shared/errors.ts';
import { pause, throwIfCancelled } from './cancel.ts';
import { Fault, type Net } from './net.ts';

/** One or two more tries get past a bad proxy or a server that is being updated. More tries would only add load. */
const MAX_REFETCHES = 2;
const MAX_BACKOFF_MS = 15_000;
/** After this many bytes the connection works again, so the count of failures restarts. */
const NOTABLE_BYTES = 256 * 1024;

/** Decides, failure by failure, whether something is tried once more and after what pause. One for each thing fetched. */
export class RetryPolicy {
  readonly #net: Net;
  /** The part being fetched, in words, for messages. */
  readonly #what: string;
  #failures = 0;
  #refetches = 0;
  #wholeAnswers = 0;

  constructor(net: Net, what: string) {
    this.#net = net;
    this.#what = what;
  }

  /**
   * Resolves when it is time for the next try; rejects if there is no next try: with the PhiError to show, or with the
   * Fault itself when the server has twice ignored a range.
   * @param progress bytes that the failed try brought
   */
  async next(cause: unknown, progress: number, signal: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    if (!(cause instanceof Fault)) throw cause;
    const detail = { what: this.#what };
    if (cause.kind === 'no-range' && ++this.#wholeAnswers >= 2) throw cause;
    if (cause.kind === 'content' && ++this.#refetches > MAX_REFETCHES) {
      const message = `${this.#what} arrived damaged or changed: ${cause.message}. The app tried ${this.#refetches} times and did not store it.`;
      throw new PhiError(
        'integrity',
        `${message} The server may hold another version of the model, or a program in between changes the data.`,
        detail,
        { cause },
      );
    }
    this.#failures = progress >= NOTABLE_BYTES ? 1 : this.#failures + 1;
    if (this.#failures > this.#net.retries) {
      const message = `${this.#what} could not be fetched: ${cause.message} (${this.#failures} times in a row).`;
      throw new PhiError(
        'network',
        `${message} Complete parts stay stored. Try again, and the download continues from there.`,
        detail,
        { cause },
      );
    }
    this.#net.onRetry?.();
    const backoff = Math.min(this.#net.backoffMs * 2 ** (this.#failures - 1), MAX_BACKOFF_MS);
    // Half of it random, so that several downloads do not all come back at once.
    await pause(Math.max(cause.retryAfterMs, backoff * (0.5 + Math.random() / 2)), signal);
  }
}
