/** Borrows the model of a person's own app, which lies on another site, so that one download serves all sites. */
import { PhiError, type ErrorCode } from '../../../workers/shared/errors.ts';
import { ASK, LEND_PAGE, READY, type GuestMessage, type LenderMessage } from '../../../workers/shared/lend-protocol.ts';
import type { ChatMessage } from '../../../workers/shared/protocol.ts';
import type { HostReply, HostRequest, LanguageModelHost } from '../language-model/host.ts';
import { notSupported } from '../language-model/errors.ts';
import type { Availability } from '../language-model/types.ts';
import { AsyncQueue } from '../../engine/async-queue.ts';

/** How often is looked whether the person has closed the popup. */
const LOOK_MS = 500;
const NO_LONGER_LENT = 'The other site no longer lends its model. Call borrowModel() again to ask for it.';
const POPUP = 'popup,width=440,height=640';

type Call = (message: Exclude<LenderMessage, { type: 'granted' | 'refused' }>) => void;

/**
 * Opens the app's page for lending as a popup and asks for its model. Call it from a click: browsers block popups otherwise. The page that calls
 * must not send `Cross-Origin-Opener-Policy: same-origin`, which would cut it off from the popup.
 * @param app address of the app's folder, e.g. "https://example.org/phi/"
 * @returns for `defineLanguageModel`
 * @throws NotAllowedError where the popup is blocked, the person refuses or closes it; AbortError by `signal`
 */
export async function borrowModel(app: string, { signal }: { signal?: AbortSignal } = {}): Promise<BorrowedModel> {
  signal?.throwIfAborted();
  const url = new URL(LEND_PAGE, app);
  const popup = open(url, '_blank', POPUP);
  if (!popup)
    throw new DOMException('The browser blocked the popup. Call this in the handler of a click.', 'NotAllowedError');
  const { port1, port2 } = new MessageChannel();
  try {
    await untilGranted(popup, url.origin, { port1, port2 }, signal);
  } catch (cause) {
    port1.close();
    popup.close();
    throw cause;
  }
  return new BorrowedModel(port1, popup);
}

const refused = (): DOMException => new DOMException('The person does not lend the model.', 'NotAllowedError');

function untilGranted(
  popup: Window,
  origin: string,
  { port1, port2 }: { port1: MessagePort; port2: MessagePort },
  signal: AbortSignal | undefined,
): Promise<void> {
  const settled = new AbortController();
  const granted = new Promise<void>((resolve, reject) => {
    const listen = { signal: settled.signal };
    let asked = false;
    addEventListener(
      'message',
      ({ source, origin: from, data }: MessageEvent<unknown>) => {
        const { phi } = (data ?? {}) as Partial<typeof READY>;
        if (asked || source !== popup || from !== origin || phi !== READY.phi) return;
        asked = true;
        popup.postMessage(ASK, origin, [port2]);
      },
      listen,
    );
    port1.addEventListener(
      'message',
      ({ data }: MessageEvent<LenderMessage>) => {
        if (data.type === 'granted') resolve();
        else if (data.type === 'refused') reject(refused());
      },
      listen,
    );
    port1.start();
    const timer = setInterval(() => popup.closed && reject(refused()), LOOK_MS);
    settled.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: settled.signal });
  });
  return granted.finally(() => settled.abort());
}

/** The model of the other site for as long as its popup is open and the person agrees. */
export class BorrowedModel implements LanguageModelHost {
  readonly #port: MessagePort;
  readonly #popup: Window;
  readonly #calls = new Map<number, Call>();
  readonly #watch: ReturnType<typeof setInterval>;
  #lastId = 0;
  #ended = false;
  #contextLength: number | null = null;

  /** @internal */
  constructor(port: MessagePort, popup: Window) {
    this.#port = port;
    this.#popup = popup;
    port.onmessage = ({ data }: MessageEvent<LenderMessage>) => {
      if (data.type === 'refused') this.#end();
      else if (data.type !== 'granted') this.#calls.get(data.id)?.(data);
    };
    this.#watch = setInterval(() => popup.closed && this.#end(), LOOK_MS);
  }

  availability(): Promise<Availability> {
    return Promise.resolve(this.#ended ? 'unavailable' : 'available');
  }

  async ready(onDownload: (fraction: number) => void): Promise<{ contextLength: number }> {
    this.#contextLength ??= await this.#ask({ type: 'load' }, onDownload);
    return { contextLength: this.#contextLength! };
  }

  async measure(messages: ChatMessage[]): Promise<number> {
    return (await this.#ask({ type: 'measure', messages })) ?? Infinity;
  }

  async *reply(request: HostRequest, signal: AbortSignal): AsyncGenerator<string, HostReply, void> {
    const { messages, sampling, maxTokens, prefix, constraint } = request;
    if (constraint !== null) throw notSupported('A lent model does not support responseConstraint.');
    const pieces = new AsyncQueue<string>();
    let id = 0;
    const asked = this.#ask({ type: 'reply', request: { messages, sampling, maxTokens, prefix } }, undefined, {
      onId: (given) => (id = given),
      onText: (text) => pieces.push(text),
    });
    asked.then(
      () => pieces.close(),
      (cause: unknown) => pieces.fail(cause),
    );
    const stop = (): void => this.#port.postMessage({ type: 'abort', id } satisfies GuestMessage);
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield* pieces;
      return { contextTokens: (await asked) ?? 0 };
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Gives the model back; the popup closes. */
  close(): void {
    this.#end();
    this.#popup.close();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#watch);
    this.#port.close();
    const message = NO_LONGER_LENT;
    for (const [id, call] of [...this.#calls]) call({ type: 'error', id, code: 'worker-died', message });
  }

  #ask(
    message: DistributiveOmit<Exclude<GuestMessage, { type: 'abort' }>, 'id'>,
    onProgress?: (fraction: number) => void,
    { onId, onText }: { onId?: (id: number) => void; onText?: (text: string) => void } = {},
  ): Promise<number | null> {
    if (this.#ended) return Promise.reject(new PhiError('worker-died', NO_LONGER_LENT));
    const id = ++this.#lastId;
    onId?.(id);
    return new Promise<number | null>((resolve, reject) => {
      this.#calls.set(id, (answer) => {
        if (answer.type === 'progress') onProgress?.(answer.fraction);
        else if (answer.type === 'text') onText?.(answer.text);
        else if (answer.type === 'done') resolve(answer.value);
        else reject(new PhiError(answer.code as ErrorCode, answer.message));
      });
      this.#port.postMessage({ ...message, id });
    }).finally(() => this.#calls.delete(id));
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
