/** Prompts of an exact number of tokens in the starter's own tokenizer and chat template. */
import { readFileSync } from 'node:fs';
import type { Checkpoint } from '../workers/engine/checkpoint/types.ts';
import type { ChatMessage } from '../workers/shared/protocol.ts';
import { createConversation } from '../workers/engine/tokenizer/conversation.ts';
import { createTokenizer } from '../workers/engine/tokenizer/tokenizer.ts';
import type { Prompt } from './peers/peer.ts';

const OPENING = 'Write a long story.';
const OPENING_WITH_TEXT =
  'Here is the beginning of a story. Read it, then go on with it in the same manner, at length.\n\n';
const FOLLOW_UP =
  'Thank you. Now tell me in a few paragraphs who the people in this story are and what each of them wants.';
const WARM_UP =
  'Describe the work of a baker, from the first batch before dawn until the shop is closed and swept, with every step that he takes and why. ';
/** Stands for the reply, which is known only once an engine has given it. */
export const REPLY_MARK = '\u0001reply\u0001';

/** Copying is what prompt lookup is for. */
const REWRITE = 'Repeat the following text word for word, without adding anything.\n\n';
/** Tokens of the prompt that asks for a text to be repeated. */
export const REWRITE_PROMPT = 320;

/** Tokens of the warm-up prompt. */
export const WARM_UP_PROMPT = 160;

export interface Prompts {
  byLength: Map<number, Prompt>;
  warmUp: Prompt;
  rewrite: Prompt;
  /** The follow-up to `first`; `text` and `messages` hold REPLY_MARK, `ids` is empty. */
  secondTurn(first: Prompt): Prompt;
}

export function makePrompts(checkpoint: Checkpoint, lengths: number[], passagePath: string): Prompts {
  const talk = createConversation(createTokenizer(checkpoint.tokenizer), checkpoint);
  const render = (messages: ChatMessage[]): Prompt => ({
    messages,
    text: talk.render(messages),
    ids: talk.encode(messages),
  });
  const ask = (content: string) => render([{ role: 'user', content }]);
  const passage = readFileSync(passagePath, 'utf8').split(/(?=\s)/);
  // A token is at most a word: enough of them for the longest prompt.
  const times = Math.ceil(Math.max(...lengths) / passage.length);
  const words = Array.from({ length: times }, () => passage).flat();

  /** The longest beginning of the passage that fits; then single words until the length is met. */
  const exactly = (tokens: number, opening: string): Prompt => {
    let low = 0;
    let high = words.length;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (ask(opening + words.slice(0, middle).join('')).ids.length <= tokens) low = middle;
      else high = middle - 1;
    }
    let content = opening + words.slice(0, low).join('');
    while (ask(content).ids.length < tokens) content += ' and';
    const prompt = ask(content);
    if (prompt.ids.length !== tokens)
      throw new Error(`No prompt of ${tokens} tokens can be made: the nearest has ${prompt.ids.length}.`);
    return prompt;
  };

  const shortest = ask(OPENING).ids.length;
  return {
    byLength: new Map(
      lengths.map((tokens) => [tokens, exactly(tokens, tokens < shortest + 64 ? `${OPENING} ` : OPENING_WITH_TEXT)]),
    ),
    warmUp: exactly(WARM_UP_PROMPT, WARM_UP),
    rewrite: exactly(REWRITE_PROMPT, REWRITE),
    secondTurn: (first) => ({
      ...render([...first.messages, { role: 'assistant', content: REPLY_MARK }, { role: 'user', content: FOLLOW_UP }]),
      ids: [],
    }),
  };
}
