/** Prompts of an exact number of tokens. */
import type { Conversation } from '../engine/tokenizer/conversation.ts';
import { messagesOf } from './messages.ts';
import type { Prompt } from '../shared/compare-protocol.ts';
import { INSTRUCTION, TEXT } from './text.ts';

/**
 * Fillers for the last tokens: each is one token or two in every vocabulary we know, and does not merge with the next.
 */
const FILLERS = [' and', ' so', '.', '!'];

export type Encode = (content: string) => number[];

/** Turns a prompt into tokens, with the model's chat template or, without one, as plain text (measuring speed needs only tokens). */
export function encoderOf(conversation: Conversation): Encode {
  const chat: Encode = (content) => conversation.encode(messagesOf(content));
  try {
    chat('.');
    return chat;
  } catch {
    return (content) => conversation.tokenizer.encode(content);
  }
}

/**
 * A prompt of `tokens` tokens that begins with `nonce`, or of the fewest above it that can be made (a template alone may take more than is
 * wished for; a vocabulary may have no filler of one token).
 */
export function makePrompt(encode: Encode, tokens: number, nonce: string): Prompt {
  const words = wordsFor(tokens);
  const text = (count: number) => `${nonce}. ${INSTRUCTION}${words.slice(0, count).join('')}`;
  let low = 0;
  let high = words.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (encode(text(middle)).length <= tokens) low = middle;
    else high = middle - 1;
  }
  let best: Prompt = prompt(encode, encode(text(0)).length <= tokens ? text(low) : nonce);
  while (best.tokens < tokens) {
    const longer = FILLERS.map((filler) => prompt(encode, best.content + filler)).filter(
      (candidate) => candidate.tokens > best.tokens,
    );
    const [next] = longer.sort((a, b) => a.tokens - b.tokens);
    if (!next) break;
    best = next;
  }
  return best;
}

const prompt = (encode: Encode, content: string): Prompt => ({ content, tokens: encode(content).length });

/** The text over and over, until it has more words than the requested number of tokens. */
function wordsFor(tokens: number): string[] {
  const words = TEXT.split(/(?=\s)/);
  return Array.from({ length: tokens + words.length }, (_, i) => words[i % words.length]!);
}
