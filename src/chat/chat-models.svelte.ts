import { PhiError } from '../../workers/shared/errors.ts';
import { parseServerAddress } from '../../workers/shared/server-address.ts';
import type { ServerReplyRequest } from '../../workers/shared/server-protocol.ts';
import type { GenerateUpdate } from '../engine/engine.ts';
import type { ModelSession } from '../models/model-session.svelte.ts';
import type { ServerClient } from '../servers/server-client.svelte.ts';
import type { Conversation, Message } from './conversation.ts';
import type { Conversations } from './conversations.svelte.ts';
import { isServer, type ModelChoice, type ServerChoice, type ServerConsent } from './model-choice.ts';

/** What a chat keeps about the model that answers it. */
type Kept = Pick<Conversation, 'model' | 'consent'>;

/**
 * Which model answers in the open chat. Each chat keeps its own; a new one begins with the stored model that was chosen last, and never with a
 * server.
 */
export class ChatModels {
  readonly #models: ModelSession;
  readonly #conversations: Conversations;
  /** The choice for the chat that has no message yet; null: none. */
  #fresh = $state.raw<Kept | null>(null);
  #client = $state.raw<ServerClient | null>(null);

  constructor(models: ModelSession, conversations: Conversations) {
    this.#models = models;
    this.#conversations = conversations;
  }

  /** The model of the open chat, or of the new one. */
  get choice(): ModelChoice {
    return this.of(this.#conversations.current ?? this.#fresh);
  }

  /** The server that the open chat goes to; null: it stays on this page. */
  get server(): ServerChoice | null {
    const { choice } = this;
    return isServer(choice) ? choice : null;
  }

  /** The open chat's server needs a key that no worker has, because keys are forgotten when the page closes. */
  get lacksKey(): boolean {
    return this.server?.key === true && !this.hasKey(this.server.server);
  }

  hasKey(address: string): boolean {
    return this.#client?.hasKey(address) ?? false;
  }

  /** A chat whose model is no longer stored is answered by the chosen one. */
  of(kept: Kept | null): ModelChoice {
    const own = kept?.model;
    if (own && 'stored' in own && !this.#models.isStored(own.stored)) return { stored: this.#models.chosen };
    return own ?? { stored: this.#models.chosen };
  }

  nameOf(choice: ModelChoice): string {
    return isServer(choice) ? choice.model : this.#models.nameOf(choice.stored);
  }

  /** Takes a stored model for the open chat and for those to come, and loads it. */
  async choose(model: string): Promise<void> {
    this.#keep({ model: { stored: model }, consent: undefined });
    if (this.#models.report?.model !== model) await this.#models.choose(model);
  }

  /** Takes a server for the open chat alone; `consent` is what the person agreed to a moment ago. */
  chooseServer(model: ServerChoice, consent: ServerConsent): void {
    this.#keep({ model, consent });
  }

  /** What the new chat begins with; from then on it is the chat's own. */
  takeFresh(): Kept {
    const kept = this.#fresh ?? {};
    this.#fresh = null;
    return kept;
  }

  /** Another chat is shown: a server that was chosen for a new one is not carried into the next. */
  leave(): void {
    this.#fresh = null;
  }

  async client(): Promise<ServerClient> {
    const { serverClient } = await import('../servers/server-client.svelte.ts');
    this.#client = serverClient;
    return serverClient;
  }

  /** Throws `bad-request` where passages of documents would go to a server, and nobody agreed to that. */
  assertDocuments({ consent }: Kept, choice: ModelChoice, path: readonly Message[]): void {
    if (!isServer(choice) || !path.some(({ documents }) => documents?.length)) return;
    const { origin } = parseServerAddress(choice.server);
    if (consent?.origin === origin && consent.documents !== null) return;
    throw new PhiError(
      'bad-request',
      `Nothing was sent, because this chat has documents and their text is not allowed to go to ${origin}. Choose the server again in the menu of models and allow documents, or choose a model on this device.`,
    );
  }

  /** A reply of the chat's server. Throws `bad-request` where nobody agreed to send this chat there. */
  async *ask(
    { consent }: Kept,
    server: ServerChoice,
    request: ServerReplyRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateUpdate> {
    const { origin } = parseServerAddress(server.server);
    if (consent?.origin !== origin)
      throw new PhiError(
        'bad-request',
        `Nothing was sent, because this chat is not allowed to go to ${origin}. Choose the server again in the menu of models.`,
      );
    const client = await this.client();
    if (server.key && !client.hasKey(server.server))
      throw new PhiError(
        'bad-request',
        `Nothing was sent, because ${origin} needs a key. The app forgets keys when the page is closed. Enter the key again above the message box.`,
      );
    yield* client.generate({ address: server.server, model: server.model }, request, signal);
  }

  #keep(kept: Kept): void {
    const { current } = this.#conversations;
    if (current) void this.#conversations.update(current.id, (one) => ({ ...one, ...kept }));
    else this.#fresh = kept;
  }
}
