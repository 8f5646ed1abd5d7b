/** "Validate and canonicalize a prompt" of the Prompt API, down to the plain messages that the engine takes. */
import type { ChatMessage } from '../../../workers/shared/protocol.ts';
import { notSupported, syntaxError } from './errors.ts';
import type { LanguageModelMessage, LanguageModelMessageContent, LanguageModelPrompt } from './types.ts';

export interface CanonicalPrompt {
  /** Never empty. */
  messages: ChatMessage[];
  /** The last message is the beginning of the reply. */
  prefix: boolean;
}

const ROLES = ['system', 'user', 'assistant'];
const TYPES = ['text', 'image', 'audio', 'tool-call', 'tool-response'];

/** Text runs together without anything between, as the specification says. */
function textOf(role: LanguageModelMessage['role'], content: readonly LanguageModelMessageContent[]): string {
  let text = '';
  for (const { type, value } of content) {
    if (!TYPES.includes(type))
      throw new TypeError(`"${String(type)}" is not a type of content. Use one of: ${TYPES.join(', ')}.`);
    if (type !== 'text') {
      throw notSupported(
        role === 'assistant'
          ? `A message of the role "assistant" can hold text only, not "${type}".`
          : `This model reads text only, not "${type}".`,
      );
    }
    if (typeof value !== 'string') throw new TypeError('Content of the type "text" must have a string as its value.');
    text += value;
  }
  return text;
}

/**
 * @param input a string is one message of the role "user"; an empty list is an empty message
 * @param begun the session has messages already, so that a system message comes too late
 * @throws TypeError, or a DOMException: SyntaxError for a prefix in the wrong place, NotSupportedError for content that is not text
 */
export function canonicalPrompt(input: LanguageModelPrompt, begun: boolean): CanonicalPrompt {
  if (typeof input === 'string') return { messages: [{ role: 'user', content: input }], prefix: false };
  if (typeof input !== 'object' || !(Symbol.iterator in input))
    throw new TypeError('A prompt must be a string or a list of messages.');
  const list = [...input];
  if (list.length === 0) return { messages: [{ role: 'user', content: '' }], prefix: false };
  let prefix = false;
  const messages: ChatMessage[] = [];
  for (const [i, { role, content, prefix: isPrefix = false }] of list.entries()) {
    if (!ROLES.includes(role))
      throw new TypeError(`"${String(role)}" is not a role. Use "system", "user" or "assistant".`);
    if (isPrefix && role !== 'assistant') throw syntaxError('Only a message of the role "assistant" can be a prefix.');
    if (isPrefix && i < list.length - 1) throw syntaxError('A prefix must be the last message.');
    if (role === 'system' && (begun || i > 0))
      throw new TypeError('A system message must be the first message of a session.');
    if (typeof content !== 'string' && !Array.isArray(content))
      throw new TypeError('The content of a message must be a string or a list.');
    messages.push({ role, content: typeof content === 'string' ? content : textOf(role, content) });
    prefix ||= isPrefix;
  }
  return { messages, prefix };
}
