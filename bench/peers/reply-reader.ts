/** Our engine's replies, read against the stopwatch in whatever thread they arrive. */
import { GREEDY } from '../../workers/shared/greedy.ts';
import type { GenerateEvent, GenerateRequest, GenerateStats } from '../../workers/shared/protocol.ts';
import { Stopwatch, type Reply } from './peer.ts';

/** Shares nothing with a prompt but the first tokens of the template, so that the kept cache is of no use to the prompt after it. */
export const OTHER_PROMPT: GenerateRequest = {
  messages: [
    { role: 'system', content: '0' },
    { role: 'user', content: '0' },
  ],
  sampling: GREEDY,
  maxTokens: 1,
};

/** Make it when the reply is asked for: its clock starts then. */
export class ReplyReader {
  readonly #watch = new Stopwatch();
  readonly #enough = new AbortController();
  #text = '';
  #stats: GenerateStats | null = null;

  /** Aborts when the reply has gone on for long enough. */
  get signal(): AbortSignal {
    return this.#enough.signal;
  }

  hear(event: GenerateEvent): void {
    if (event.type === 'text') {
      this.#text += event.text;
      if (event.tokens > 0) this.#watch.arrived(event.tokens);
      if (this.#watch.overtime) this.#enough.abort();
    } else if (event.type === 'end') this.#stats = event.stats;
  }

  /** Throws where the last event has not come. */
  reply(): Reply {
    if (!this.#stats) throw new Error('The reply did not end.');
    const { promptTokens, prefilledTokens, generatedTokens } = this.#stats;
    const { ttftMs, decodeTokensPerSecond } = this.#watch;
    return {
      text: this.#text,
      promptTokens,
      prefilledTokens,
      tokens: generatedTokens,
      ttftMs,
      decodeTokensPerSecond,
    };
  }
}
