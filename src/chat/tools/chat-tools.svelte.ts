import type { GenerateRequest, ToolSpec } from '../../../workers/shared/protocol.ts';
import type { GenerateUpdate } from '../../engine/types.ts';
import type { ToolUpdate } from '../../tools/rounds.ts';
import type { Conversation } from '../conversation.ts';
import type { Conversations } from '../conversations.svelte.ts';

type Generate = (request: GenerateRequest) => AsyncIterable<GenerateUpdate>;

/** The tools that a chat's replies may call: their names, kept with the chat. Tools themselves are loaded when a chat has some. */
export class ChatTools {
  readonly #conversations: Conversations;
  /** Of the chat that has no message yet. */
  #fresh = $state.raw<readonly string[]>([]);

  constructor(conversations: Conversations) {
    this.#conversations = conversations;
  }

  /** Of the open chat, or of the new one. */
  get names(): readonly string[] {
    const { current } = this.#conversations;
    return current ? (current.tools ?? []) : this.#fresh;
  }

  /** Gives the open chat a tool, or takes it away. */
  set(name: string, on: boolean): void {
    const names = this.names.filter((other) => other !== name);
    if (on) names.push(name);
    const { current } = this.#conversations;
    if (current)
      void this.#conversations.update(current.id, (old) => ({ ...old, tools: names.length > 0 ? names : undefined }));
    else this.#fresh = names;
  }

  /** What the new chat begins with; from then on it is the chat's own. */
  takeFresh(): Pick<Conversation, 'tools'> {
    const tools = [...this.#fresh];
    this.#fresh = [];
    return tools.length === 0 ? {} : { tools };
  }

  /** What the open chat's model is told of them. */
  async specs(): Promise<ToolSpec[]> {
    const { names } = this;
    if (names.length === 0) return [];
    const [{ toolsNamed }, { specOf }] = await Promise.all([
      import('../../tools/registry.ts'),
      import('../../tools/tool.ts'),
    ]);
    return toolsNamed(names).map(specOf);
  }

  /** A reply of the engine that may call the chat's tools. */
  async *answer(
    generate: Generate,
    request: GenerateRequest,
    { tools = [] }: Pick<Conversation, 'tools'>,
    signal: AbortSignal,
  ): AsyncGenerator<ToolUpdate, void, void> {
    if (tools.length === 0) {
      for await (const event of generate(request)) if (event.type !== 'calls') yield event;
      return;
    }
    const [{ answerWithTools }, { toolsNamed }] = await Promise.all([
      import('../../tools/rounds.ts'),
      import('../../tools/registry.ts'),
    ]);
    yield* answerWithTools(generate, request, toolsNamed(tools), { signal });
  }
}
