/** Turns token ids into the text to show. */
import type { StreamDecoder, Tokenizer } from '../tokenizer/types.ts';
import type { ToolCall } from '../../shared/tools.ts';
import { CallReader } from './call-reader.ts';
import { StopMatcher } from './stop.ts';

export interface TextOptions {
  /** Strings at which the reply ends; they are not shown. */
  stop?: readonly string[];
  /** The reply goes on with text that is already there. */
  continues?: boolean;
  /** The reply may call tools, whose calls are not shown. `begun`: the part of the reply that is there already. */
  calls?: { begun: string };
}

/** Whole characters, without control tokens, up to the first stop string. */
export class ReplyText {
  readonly #decoder: StreamDecoder;
  readonly #matcher: StopMatcher;
  readonly #calls: CallReader | null;

  constructor(tokenizer: Pick<Tokenizer, 'streamDecoder' | 'tokenId'>, options: TextOptions = {}) {
    this.#calls = options.calls ? new CallReader(tokenizer, options.calls.begun) : null;
    this.#decoder = tokenizer.streamDecoder({ continues: options.continues ?? false });
    this.#matcher = new StopMatcher(options.stop ?? []);
  }

  /** `text` may be empty while a character or a stop string is unfinished. `stop`: a stop string is complete, show no more. */
  push(id: number): { text: string; stop: boolean } {
    const decoded = this.#decoder.push(id);
    const text = this.#matcher.push(this.#calls ? this.#calls.push(id, decoded) : decoded);
    return { text, stop: this.#matcher.stopped };
  }

  /** The text held back, if the reply ended in another way, and the calls. `whole`: the reply was not cut off. */
  end(whole: boolean): { text: string; calls: ToolCall[] } {
    const rest = this.#decoder.flush();
    const shown = this.#calls ? this.#calls.add(rest) : rest;
    const { text = '', calls = [] } = this.#calls?.end(whole) ?? {};
    return { text: this.#matcher.push(shown + text) + this.#matcher.flush(), calls };
  }
}
