import type { ModelSession } from '../models/model-session.svelte.ts';
import type { Conversation } from './conversation.ts';
import type { Conversations } from './conversations.svelte.ts';
import type { ModelChoice } from './model-choice.ts';

/** Which model answers in the open chat. Each chat keeps its own; a new one begins with the model that was chosen last. */
export class ChatModels {
  readonly #models: ModelSession;
  readonly #conversations: Conversations;

  constructor(models: ModelSession, conversations: Conversations) {
    this.#models = models;
    this.#conversations = conversations;
  }

  /** Of the open chat, or of the new one. */
  get choice(): ModelChoice {
    return this.of(this.#conversations.current);
  }

  /** A chat whose model is no longer stored is answered by the chosen one. */
  of(conversation: Pick<Conversation, 'model'> | null): ModelChoice {
    const own = conversation?.model;
    if (own && 'stored' in own && !this.#models.isStored(own.stored)) return { stored: this.#models.chosen };
    return own ?? { stored: this.#models.chosen };
  }

  nameOf(choice: ModelChoice): string {
    return 'stored' in choice ? this.#models.nameOf(choice.stored) : choice.model;
  }

  /** Takes a stored model for the open chat and for those to come, and loads it. */
  async choose(model: string): Promise<void> {
    const { current } = this.#conversations;
    if (current) void this.#conversations.update(current.id, (one) => ({ ...one, model: { stored: model } }));
    if (this.#models.report?.model !== model) await this.#models.choose(model);
  }
}
