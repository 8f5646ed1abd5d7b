import type { Constraint } from '../../../workers/shared/protocol.ts';
import type { Conversation } from '../conversation.ts';
import type { Conversations } from '../conversations.svelte.ts';

/** The form that a chat's replies must have: the text of a JSON schema, kept with the chat. */
export class ChatForm {
  readonly #conversations: Conversations;
  /** Of the chat that has no message yet. */
  #fresh = $state.raw<string | undefined>(undefined);

  constructor(conversations: Conversations) {
    this.#conversations = conversations;
  }

  /** Of the open chat, or of the new one; undefined: replies are free. */
  get schema(): string | undefined {
    const { current } = this.#conversations;
    return current ? current.form : this.#fresh;
  }

  set schema(form: string | undefined) {
    const { current } = this.#conversations;
    if (current) void this.#conversations.update(current.id, (old) => ({ ...old, form }));
    else this.#fresh = form;
  }

  /** What the new chat begins with; from then on it is the chat's own. */
  takeFresh(): Pick<Conversation, 'form'> {
    const form = this.#fresh;
    this.#fresh = undefined;
    return form === undefined ? {} : { form };
  }

  /** What the engine is asked for. Throws a SyntaxError where the box held no JSON when the reply began. */
  constraintOf({ form }: Pick<Conversation, 'form'>): Constraint | undefined {
    return form === undefined ? undefined : { kind: 'json', schema: JSON.parse(form) as unknown };
  }
}
