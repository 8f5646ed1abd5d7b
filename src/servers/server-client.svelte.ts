/** The page's handle on the worker that chats with servers: started when the first chat needs it, and again when a server was allowed or it died. */
import { proxy } from 'comlink';
import { allowedHosts } from '../../workers/shared/allowed-hosts.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { LazyWorker } from '../../workers/shared/lazy-worker.ts';
import { parseServerAddress } from '../../workers/shared/server-address.ts';
import type { ChatServer, ChatServerApi, ServerReplyRequest } from '../../workers/shared/server-protocol.ts';
import chatUrl from '../../workers/chat.worker.ts?worker&url';
import { replyEvents } from '../engine/reply-events.ts';
import type { GenerateUpdate } from '../engine/types.ts';
import { allowHost } from '../pwa/hosts.ts';

export class ServerClient {
  readonly #worker = new LazyWorker<ChatServerApi>({
    url: chatUrl,
    kind: 'servers',
    what: 'The server worker',
    onEnd: () => (this.#keyed = []),
  });
  #jobs = 0;
  /** Origins whose key the living worker has. */
  #keyed = $state.raw<readonly string[]>([]);

  hasKey(address: string): boolean {
    return this.#keyed.includes(parseServerAddress(address).origin);
  }

  async setKey(address: string, key: string): Promise<void> {
    await this.#worker.call((api) => api.setKey(address, key));
    const { origin } = parseServerAddress(address);
    const others = this.#keyed.filter((other) => other !== origin);
    this.#keyed = key === '' ? others : [...others, origin];
  }

  /**
   * Lets chats reach the server. A worker keeps the policy that it was started with, so a server that is new costs the worker, and the keys in it.
   * Rejects with `network` where this browser cannot add to the page's policy.
   */
  async allow(address: string): Promise<void> {
    const { origin, reach } = parseServerAddress(address);
    if (reach !== 'loopback' && (await allowHost('chat', origin))) this.#worker.end();
  }

  /** The models that the server offers. The request contains nothing else. */
  models(address: string): Promise<string[]> {
    return this.#worker.call((api) => api.models(address));
  }

  /** Streams a reply, as the engine does. The last event is `end`, also after a stop by `signal`. */
  async *generate(
    server: ChatServer,
    request: ServerReplyRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateUpdate> {
    await assertAllowed(server.address);
    const job = `reply-${++this.#jobs}`;
    const stop = () => void this.#worker.call((api) => api.abort(job)).catch(() => undefined); // The reply itself says what is wrong.
    signal.addEventListener('abort', stop);
    yield* replyEvents(
      (onEvent) => {
        const reply = this.#worker.call((api) => api.reply(job, { ...server }, request, proxy(onEvent)));
        if (signal.aborted) stop();
        return reply;
      },
      (ended) => {
        signal.removeEventListener('abort', stop);
        if (!ended) stop();
      },
    );
  }
}

/**
 * A server that was removed in the settings gets no more requests, although a running worker may still be able to reach
 * it.
 */
async function assertAllowed(address: string): Promise<void> {
  const { origin, reach } = parseServerAddress(address);
  if (reach === 'loopback' || (await allowedHosts('chat')).includes(origin)) return;
  throw new PhiError(
    'bad-request',
    `Chats are not allowed to reach ${origin}, or no longer. Choose the server again in the menu of models.`,
  );
}

export const serverClient = new ServerClient();
