/** Ids in, text to show out. */
import type { StreamDecoder, Tokenizer } from '../tokenizer/types.ts';
import { StopMatcher } from './stop.ts';

export interface TextOptions {
  /** Strings at which the reply ends; they are not shown. */
  stop?: readonly string[];
  /** The reply goes on with text that is already there. */
  continues?: boolean;
}

/** Whole characters, without control tokens, up to the first stop string. */
export class ReplyText {
  readonly #decoder: StreamDecoder;
  readonly #matcher: StopMatcher;

  constructor(tokenizer: Pick<Tokenizer, 'streamDecoder'>, options: TextOptions = {}) {
    this.#decoder = tokenizer.streamDecoder({ continues: options.continues ?? false });
    this.#matcher = new StopMatcher(options.stop ?? []);
  }

  /** `text` may be empty while a character or a stop string is unfinished. `stop`: a stop string is complete, show no more. */
  push(id: number): { text: string; stop: boolean } {
    const text = this.#matcher.push(this.#decoder.push(id));
    return { text, stop: this.#matcher.stopped };
  }

  /** The text held back, if the reply ended in another way. */
  flush(): string {
    return this.#matcher.push(this.#decoder.flush()) + this.#matcher.flush();
  }
}
