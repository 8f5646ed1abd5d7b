/** Conversations that have grown past the context. */
import { PhiError } from '../errors.ts';
import type { ChatMessage } from '../protocol.ts';

export interface Fitted {
  messages: ChatMessage[];
  /** What was left out, oldest first. */
  dropped: ChatMessage[];
}

/**
 * Leaves out the oldest turns (a user's message and what answers it) until `count` of the rest is at most `limit` tokens. A system message
 * at the start and the last turn stay; when they alone do not fit, throws `context-full`. `count` is called for about log2(turns) choices.
 */
export function fitMessages(messages: readonly ChatMessage[], count: (messages: ChatMessage[]) => number, limit: number): Fitted {
  const system = messages[0]?.role === 'system' ? [messages[0]] : [];
  const talk = messages.slice(system.length);
  const starts = talk.flatMap((message, i) => (i > 0 && message.role === 'user' ? [i] : []));
  const cuts = [0, ...starts];
  const from = (cut: number) => [...system, ...talk.slice(cut)];
  let low = 0;
  let high = cuts.length - 1;
  const shortest = count(from(cuts[high]!));
  if (shortest > limit) {
    throw new PhiError(
      'context-full',
      `The last message${system.length ? ' with the system prompt' : ''} has ${shortest} tokens, ${shortest - limit} more than fit. Shorten it, or load the model with a longer context.`,
      { tokens: shortest, limit },
    );
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if (count(from(cuts[middle]!)) <= limit) high = middle;
    else low = middle + 1;
  }
  return { messages: from(cuts[low]!), dropped: talk.slice(0, cuts[low]) };
}
