/**
 * Answers one guest over its port, within limits. The guest is a stranger: a message that it may not send ends the
 * connection.
 */
import { PhiError } from '../../workers/shared/errors.ts';
import {
  LEND_LIMITS,
  readGuestMessage,
  type GuestMessage,
  type LenderMessage,
} from '../../workers/shared/lend-protocol.ts';
import type { LanguageModelHost } from '../library/language-model/host.ts';

const MINUTE_MS = 60_000;

type Ask = Exclude<GuestMessage, { type: 'abort' }>;

export class Lender {
  /** Replies given, for the person who watches. */
  onReply: () => void = () => undefined;
  /** The guest sent something that our own library never sends. */
  onHostile: () => void = () => undefined;
  readonly #port: MessagePort;
  readonly #host: LanguageModelHost;
  readonly #open = new Map<number, AbortController>();
  /** Times of the calls of the last minute. */
  #times: number[] = [];
  #closed = false;

  /** Call it when the person has agreed, and not before. */
  constructor(port: MessagePort, host: LanguageModelHost) {
    this.#port = port;
    this.#host = host;
    port.onmessage = ({ data }: MessageEvent<unknown>) => this.#hear(data);
    this.#tell({ type: 'granted' });
  }

  /** Ends what is under way; nothing is answered afterwards. */
  close(): void {
    if (this.#closed) return;
    this.#tell({ type: 'refused' });
    this.#closed = true;
    for (const job of this.#open.values()) job.abort();
    this.#port.close();
  }

  #tell(message: LenderMessage): void {
    if (!this.#closed) this.#port.postMessage(message);
  }

  #hear(data: unknown): void {
    if (this.#closed) return;
    const message = readGuestMessage(data);
    if (message === null) {
      this.close();
      this.onHostile();
      return;
    }
    if (message.type === 'abort') return this.#open.get(message.id)?.abort();
    const refusal = this.#refusal(message.id);
    if (refusal !== null) return this.#tell({ type: 'error', id: message.id, code: 'bad-request', message: refusal });
    void this.#answer(message);
  }

  /** Why a call is not even begun; null: it is. */
  #refusal(id: number): string | null {
    const now = performance.now();
    this.#times = this.#times.filter((time) => now - time < MINUTE_MS);
    if (this.#open.has(id)) return `Another call already has the id ${id}.`;
    if (this.#open.size >= LEND_LIMITS.open)
      return `At most ${LEND_LIMITS.open} calls can run at a time. Wait until one has ended.`;
    if (this.#times.length >= LEND_LIMITS.perMinute)
      return `At most ${LEND_LIMITS.perMinute} calls are allowed in a minute. Try again later.`;
    this.#times.push(now);
    return null;
  }

  async #answer(message: Ask): Promise<void> {
    const { id } = message;
    const job = new AbortController();
    this.#open.set(id, job);
    try {
      this.#tell({ type: 'done', id, value: await this.#run(message, job.signal) });
    } catch (cause) {
      const { code, message: text } = PhiError.from(cause);
      this.#tell({ type: 'error', id, code, message: text });
    } finally {
      this.#open.delete(id);
    }
  }

  async #run(message: Ask, signal: AbortSignal): Promise<number | null> {
    const { id } = message;
    if (message.type === 'load') {
      const onDownload = (fraction: number): void => this.#tell({ type: 'progress', id, fraction });
      return (await this.#host.ready(onDownload, signal)).contextLength;
    }
    if (message.type === 'measure') {
      const tokens = await this.#host.measure(message.messages);
      return Number.isFinite(tokens) ? tokens : null;
    }
    const pieces = this.#host.reply({ ...message.request, constraint: null }, signal);
    for (;;) {
      const { done, value } = await pieces.next();
      if (done) {
        this.onReply();
        return value.contextTokens;
      }
      this.#tell({ type: 'text', id, text: value });
    }
  }
}
