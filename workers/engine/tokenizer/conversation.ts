/** Conversations as token ids. Only the template gives them structure; text in messages cannot. */
import type { ChatMessage } from '../../shared/protocol.ts';
import type { RenderOptions } from './chat-template.ts';
import { ChatTemplate } from './chat-template.ts';
import { familyTemplate } from './chat-families.ts';
import { type TellTextWork, untold } from '../../shared/text-work.ts';
import { openedThought, splitThought } from '../../shared/thoughts.ts';
import type { CallSpelling } from './call-spellings.ts';
import { needsTools, promptWithTools } from './tool-turns.ts';
import type { Prompt, Turn } from './turn.ts';
import type { Tokenizer } from './types.ts';
import { unusedCharacters } from './unused-characters.ts';

export interface Conversation {
  readonly tokenizer: Tokenizer;
  /** The rendered text, as the template writes it. */
  render(messages: readonly ChatMessage[], options?: RenderOptions): string;
  /** The prompt. */
  encode(messages: readonly ChatMessage[], options?: RenderOptions): number[];
  /** The part of the reply that the template already wrote: `<think>` and white space if it opens a thought, else ''. */
  opening(messages: readonly ChatMessage[], options?: RenderOptions): string;
  /** How the model writes calls of tools. */
  readonly callSpelling: CallSpelling;
}

/**
 * The file's own template, or a built-in one where it has none. Throws `bad-model` for a template that cannot be read; a model without
 * template and without known marks of turns fails when it is first asked to chat. `tell` is called when the model's own
 * template or tokenizer begins and ends its work.
 */
export function createConversation(
  tokenizer: Tokenizer,
  model: { chatTemplate: string | null },
  tell: TellTextWork = untold,
): Conversation {
  const text = (id: number | null) => (id === null ? '' : (tokenizer.idToken(id) ?? ''));
  const create = (source: string) => new ChatTemplate(source, text(tokenizer.bos), text(tokenizer.eos));
  let template = model.chatTemplate === null ? null : create(model.chatTemplate);
  const ready = () => (template ??= create(familyTemplate(tokenizer)));
  const isControl = (mark: string) => {
    const id = tokenizer.tokenId(mark);
    return id !== undefined && tokenizer.isControl(id);
  };
  const toolStyle = () => ready().toolStyle(isControl);
  const promptOf = (messages: readonly ChatMessage[], { continueLast = false, tools = [] }: RenderOptions = {}) =>
    tell('chat template', lengthOf(messages), (): Prompt => {
      const settled = earlierAnswers(messages, continueLast, () => ready().dropsThoughts);
      return needsTools(settled, tools) ? promptWithTools(settled, tools, toolStyle()) : { turns: settled };
    });
  const rendered = (prompt: Prompt, options?: RenderOptions) =>
    tell('chat template', lengthOf(prompt.turns), () => ready().render(prompt, options));
  const render: Conversation['render'] = (messages, options) => rendered(promptOf(messages, options), options);
  return {
    tokenizer,
    render,
    encode(messages, options) {
      return encodeGuarded(tokenizer, promptOf(messages, options), (guarded) => rendered(guarded, options), tell);
    },
    opening: (messages, options) => openedThought(render(messages, options)),
    get callSpelling() {
      return tell('chat template', 0, toolStyle).spelling;
    },
  };
}

const lengthOf = (messages: readonly { content: string }[]): number =>
  messages.reduce((sum, { content }) => sum + content.length, 0);

/**
 * Reasoning models are made to see their earlier answers, not their earlier thoughts. A thought that has ended is left to a template that
 * drops it itself. A reply without an answer (it ended inside its thought, or before its first word) would be an empty turn, which no model
 * was trained on: it is left out, and the questions before and behind it become one. The reply that goes on keeps what it has.
 */
function earlierAnswers(
  messages: readonly ChatMessage[],
  continueLast: boolean,
  dropsThoughts: () => boolean,
): ChatMessage[] {
  const settled: ChatMessage[] = [];
  let leftOut = false;
  messages.forEach((message, i) => {
    const goesOn = i === messages.length - 1 && (continueLast || (message.content === '' && !!message.rounds?.length));
    if (message.role !== 'assistant' || goesOn) {
      const before = settled.at(-1);
      if (leftOut && message.role === 'user' && before?.role === 'user')
        settled[settled.length - 1] = { role: 'user', content: `${before.content}\n\n${message.content}` };
      else settled.push(message);
      leftOut = false;
      return;
    }
    const { thought, answer } = splitThought(message.content);
    if (answer.trim() === '') leftOut = true;
    else settled.push(thought !== null && !dropsThoughts() ? { ...message, content: answer } : message);
  });
  return settled;
}

/**
 * Encodes what `render` makes of the messages such that only the template's control tokens count. Somebody's `<|end|>` in a message must
 * not close a turn, yet a text without one must be encoded as the reference would, and merges must cross the border between template and
 * message freely. So the text is rendered twice: as it is, and with a stand-in for every `<` (the first character of each control token)
 * inside messages, where no control token can come from a message, whatever the template cuts, joins or replaces. If both have the same
 * control tokens, none came from a message. Otherwise the second text is taken, and the stand-ins are turned back once the control tokens
 * have been found: the message's `<|end|>` is then the plain text `<`, `|`, `end`, `|`, `>`.
 */
function encodeGuarded(
  tokenizer: Tokenizer,
  prompt: Prompt,
  render: (prompt: Prompt) => string,
  tell: TellTextWork,
): number[] {
  const text = render(prompt);
  const contents = writtenBy(prompt);
  const starts = tokenizer.controlStarts.filter((character) => contents.includes(character));
  const encode = (value: string, plain?: (stretch: string) => string) =>
    tell('tokenizer', value.length, () => tokenizer.encode(value, { special: true, plain }));
  if (starts.length === 0) return encode(text);
  const standIns = unusedCharacters(starts.length, contents + text);
  const swap = (value: string, from: readonly string[], to: readonly string[]) =>
    from.reduce((done, character, i) => done.replaceAll(character, to[i]!), value);
  // In a reply the marks of thoughts are the model's own, and the template may look for them. In a person's text they are text.
  const contentOf = ({ role, content, pieces }: Turn) =>
    pieces
      ? pieces.map((piece) => (piece.own ? piece.text : swap(piece.text, starts, standIns))).join('')
      : content
          .split(role === 'assistant' ? /(<\/?think>)/ : /(?!)/)
          .map((part, i) => (i % 2 ? part : swap(part, starts, standIns)))
          .join('');
  const guard = (value: unknown): unknown => inStrings(value, (inner) => swap(inner, starts, standIns));
  const guarded = render({
    turns: prompt.turns.map((turn) => ({
      role: turn.role,
      content: contentOf(turn),
      ...(turn.tools !== undefined && { tools: swap(turn.tools, starts, standIns) }),
      ...(turn.tool_calls && { tool_calls: guard(turn.tool_calls) as unknown[] }),
      ...(turn.name !== undefined && { name: swap(turn.name, starts, standIns) }),
    })),
    ...(prompt.tools && { tools: guard(prompt.tools) as unknown[] }),
  });
  const controls = (value: string) => tell('tokenizer', value.length, () => tokenizer.controlTokens(value));
  return sameIds(controls(text), controls(guarded))
    ? encode(text)
    : encode(guarded, (stretch) => swap(stretch, standIns, starts));
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

/** All that the template did not write. */
const writtenBy = ({ turns, tools = [] }: Prompt): string =>
  [
    ...turns.flatMap((turn) => [turn.content, turn.tools ?? '', turn.name ?? '', ...(turn.tool_calls ?? []).map(json)]),
    ...tools.map(json),
  ].join('');

const json = (value: unknown): string => JSON.stringify(value);

/** The same value with every string in it changed, keys included. */
function inStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((inner) => inStrings(inner, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [change(key), inStrings(inner, change)]));
}
