/** Cuts conversations that no longer fit the context. */
import { PhiError } from './errors.ts';
import type { ChatMessage } from './protocol.ts';

export interface Fitted {
  messages: ChatMessage[];
  /** The messages left out, oldest first. */
  dropped: ChatMessage[];
  /** Tokens of the rendered `messages`. */
  tokens: number;
}

export interface FitOptions {
  /** Tokens kept free for the reply, where the last turn leaves them. */
  room?: number;
  /** Messages that an earlier reply left out, a system message not counted: kept out where that is enough, so that the cache stays good. */
  droppedBefore?: number;
}

/**
 * Leaves out the oldest turns (a user's message and what answers it) until `count` of the rest is at most `limit` tokens less the room. A new
 * cut leaves that room twice: then the next turns need none, and their prefix is in the cache. A system message at the start and the last turn
 * stay; when they alone exceed `limit`, throws `context-full`. `count` is called for about log2(turns) choices.
 */
export function fitMessages(
  messages: readonly ChatMessage[],
  count: (messages: ChatMessage[]) => number,
  limit: number,
  { room = 0, droppedBefore = 0 }: FitOptions = {},
): Fitted {
  const system = messages[0]?.role === 'system' ? [messages[0]] : [];
  const conversation = messages.slice(system.length);
  const cuts = [0, ...conversation.flatMap((message, i) => (i > 0 && message.role === 'user' ? [i] : []))];
  const fitted = (cut: number): Fitted => {
    const kept = [...system, ...conversation.slice(cut)];
    return { messages: kept, dropped: conversation.slice(0, cut), tokens: count(kept) };
  };
  const whole = fitted(0);
  if (whole.tokens <= limit - room) return whole;
  let high = cuts.length - 1;
  let best = high === 0 ? whole : fitted(cuts[high]!);
  const shortest = best.tokens;
  if (shortest > limit) {
    throw new PhiError(
      'context-full',
      `The last message${system.length ? ' with the system prompt' : ''} needs ${shortest} tokens, ${shortest - limit} more than the context holds. Shorten it, or load the model with a longer context.`,
      { tokens: shortest, limit },
    );
  }
  if (droppedBefore > 0 && cuts.includes(droppedBefore)) {
    const before = fitted(droppedBefore);
    if (before.tokens <= limit - room) return before;
  }
  const target = Math.max(limit - 2 * room, shortest);
  let low = Math.min(1, high);
  while (low < high) {
    const middle = (low + high) >> 1;
    const tried = fitted(cuts[middle]!);
    if (tried.tokens <= target) [high, best] = [middle, tried];
    else low = middle + 1;
  }
  return best;
}
