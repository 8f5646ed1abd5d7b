/** Renders a conversation as the text that the model was trained on. */
import { PhiError } from '../../shared/errors.ts';
import type { ToolSpec } from '../../shared/tools.ts';
import type { JinjaTemplate } from './jinja.ts';
import { parseJinja, TemplateRefusal } from './jinja.ts';
import { THINK_CLOSE, THINK_OPEN } from '../../shared/thoughts.ts';
import { findToolStyle, type ToolStyle } from './tool-style.ts';
import type { Prompt, Turn } from './turn.ts';
import { unusedCharacters } from './unused-characters.ts';

export interface RenderOptions {
  /** End after the opening of the assistant's turn. On by default. */
  addGenerationPrompt?: boolean;
  /** End inside the last message, an unfinished reply that is to go on. */
  continueLast?: boolean;
  /** What the reply may call. */
  tools?: readonly ToolSpec[];
}

const PROBE = 'system-text-probe';
const THOUGHT_PROBE = 'thought-probe';
const ANSWER_PROBE = 'answer-probe';

export class ChatTemplate {
  readonly #template: JinjaTemplate;
  readonly #tokens: { bos_token: string; eos_token: string };
  #takesSystem: boolean | undefined;
  #dropsThoughts: boolean | undefined;
  #toolStyle: ToolStyle | undefined;

  /** Throws `bad-model` for a source that is not a template. `bos`, `eos`: as text, '' where the model has none. */
  constructor(source: string, bos: string, eos: string) {
    this.#template = parseJinja(source);
    this.#tokens = { bos_token: bos, eos_token: eos };
  }

  /** Throws `bad-request` with the template's own words where it refuses the conversation. */
  render({ turns: messages, tools }: Prompt, options: RenderOptions = {}): string {
    const { addGenerationPrompt = true, continueLast = false } = options;
    const render = (turns: readonly Turn[], prompt: boolean) =>
      this.#render({ turns: this.#foldSystem(turns), ...(tools && { tools }) }, prompt);
    if (!continueLast) return render(messages, addGenerationPrompt);
    const last = messages.at(-1);
    if (last?.role !== 'assistant')
      throw new PhiError(
        'bad-request',
        'There is no unfinished reply to continue: the last message is not from the assistant.',
      );
    const [mark] = unusedCharacters(1, messages.map((message) => message.content).join(''));
    const marked = [...messages.slice(0, -1), { ...last, content: last.content + mark! }];
    const text = render(marked, false);
    const end = text.lastIndexOf(mark!);
    if (end < 0)
      throw new PhiError(
        'unsupported-model',
        'The model’s chat template leaves out the last message, so this reply cannot be continued. Regenerate it.',
      );
    return text.slice(0, end);
  }

  /** How this model is told of tools. `hasToken`: whether the vocabulary has a control token of that text. */
  toolStyle(hasToken: (text: string) => boolean): ToolStyle {
    return (this.#toolStyle ??= findToolStyle(
      (turns, tools) => this.#tryRun({ turns, ...(tools && { tools }) }),
      hasToken,
    ));
  }

  /**
   * The template itself cuts the thoughts out of earlier replies. Found by rendering one: a template may have the marks of thoughts in a
   * fixed system text, as Phi-4-reasoning's, and send every thought again all the same.
   */
  get dropsThoughts(): boolean {
    return (this.#dropsThoughts ??= this.#probeThoughts());
  }

  #probeThoughts(): boolean {
    const thought = `${THINK_OPEN}\n${THOUGHT_PROBE}\n${THINK_CLOSE}\n\n${ANSWER_PROBE}`;
    const messages: Turn[] = [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: thought },
      { role: 'user', content: 'goodbye' },
    ];
    const text = this.#tryRun({ turns: messages });
    return text !== null && text.includes(ANSWER_PROBE) && !text.includes(THOUGHT_PROBE);
  }

  /** If the template has no place for a system message, its text begins the user's first message. */
  #foldSystem(messages: readonly Turn[]): readonly Turn[] {
    const [system, ...rest] = messages;
    if (system?.role !== 'system') return messages;
    this.#takesSystem ??= this.#probeSystem();
    if (this.#takesSystem) return messages;
    const first = rest.findIndex((message) => message.role === 'user');
    if (first < 0) return [{ role: 'user', content: system.content }, ...rest];
    const content = [system.content, rest[first]!.content].filter((text) => text !== '').join('\n\n');
    return rest.with(first, { role: 'user', content });
  }

  #probeSystem(): boolean {
    const messages: Turn[] = [
      { role: 'system', content: PROBE },
      { role: 'user', content: 'hello' },
    ];
    return this.#tryRun({ turns: messages })?.includes(PROBE) ?? false;
  }

  /** The text of a probe; null where the template refuses it. */
  #tryRun(probe: Prompt): string | null {
    try {
      return this.#run(probe, true);
    } catch (error) {
      if (error instanceof TemplateRefusal) return null;
      throw error;
    }
  }

  #render(prompt: Prompt, addGenerationPrompt: boolean): string {
    try {
      return this.#run(prompt, addGenerationPrompt);
    } catch (error) {
      if (!(error instanceof TemplateRefusal)) throw error;
      throw new PhiError(
        'bad-request',
        `The model's chat template refuses this conversation: ${error.message}`,
        undefined,
        { cause: error },
      );
    }
  }

  #run({ turns, tools }: Prompt, addGenerationPrompt: boolean): string {
    // `tools` and `documents` are `none` instead of undefined: templates written for transformers ask `is not none`.
    const variables = { tools: tools ?? null, documents: null, add_generation_prompt: addGenerationPrompt };
    const messages = turns.map(({ role, content, tools: list, tool_calls, name }) => ({
      role,
      content,
      ...(list !== undefined && { tools: list }),
      ...(tool_calls && { tool_calls }),
      ...(name !== undefined && { name }),
    }));
    return this.#template.render({ ...this.#tokens, ...variables, messages });
  }
}
