import { describe, expect, it, vi } from 'vitest';
import type { ChatMessage } from '../../shared/protocol.ts';
import type { KeptCaches } from '../kept/kept-caches.ts';
import type { Conversation } from '../tokenizer/conversation.ts';
import { restoreAhead } from './reply.ts';
import type { Sequence } from './sequence.ts';

const SLOTS = 64;
/** One id a character, and a 0 in front of each message. */
const conversation = {
  tokenizer: {},
  encode: (messages: readonly ChatMessage[]) =>
    messages.flatMap(({ content }) => [0, ...Array.from(content, (one) => one.codePointAt(0)!)]),
} as unknown as Conversation;
const ids = (...contents: string[]) => conversation.encode(contents.map((content) => ({ role: 'user', content })));

/** The prompts for which a cache was looked for. */
async function lookedFor(messages: ChatMessage[]): Promise<unknown[]> {
  const restore = vi.fn(() => Promise.resolve());
  const sequence = { decoder: { slots: SLOTS } } as unknown as Sequence;
  const kept = { restore } as unknown as KeptCaches;
  const request = { messages, maxTokens: 8 };
  await restoreAhead(sequence, conversation, request, kept, new AbortController().signal);
  return restore.mock.calls.map((call: unknown[]) => call[2]);
}

describe('a conversation that is opened', () => {
  const question: ChatMessage = { role: 'user', content: 'Why?' };

  it('is restored up to where its next message begins', async () => {
    const answer: ChatMessage = { role: 'assistant', content: 'So.' };
    expect(await lookedFor([question, answer])).toEqual([ids('Why?', 'So.', '')]);
  });

  it('without an answer is restored as it is', async () => {
    expect(await lookedFor([question])).toEqual([ids('Why?')]);
  });

  it('is left alone where its last message does not fit the context any more', async () => {
    expect(await lookedFor([{ ...question, content: 'x'.repeat(SLOTS) }])).toEqual([]);
  });
});
