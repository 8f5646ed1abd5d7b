/** The beginning that all chats with one system prompt and the same tools have in common. */
import type { FitRequest } from '../../shared/protocol.ts';
import type { Conversation } from '../tokenizer/conversation.ts';
import { commonPrefix } from './sequence.ts';

/** Its tokens, up to the person's first words; none without a system prompt and tools. */
export function systemIds(
  { encode }: Pick<Conversation, 'encode'>,
  { messages, tools }: Pick<FitRequest, 'messages' | 'tools'>,
): number[] {
  const system = messages.slice(0, 1).filter(({ role }) => role === 'system');
  if (system.length === 0 && !tools?.length) return [];
  const begin = (content: string) => encode([...system, { role: 'user', content }], { tools });
  // What differs with the first word is not shared, and may be more than the word itself: a token may join it with what is before.
  const [one, other] = [begin('a'), begin('Z')];
  return one.slice(0, commonPrefix(one, other));
}
