/** The conversation of one session: its messages, how much of the context window they take, and what leaves it when it is full. */
import type { ChatMessage } from '../../../workers/shared/protocol.ts';
import { quotaExceeded } from './errors.ts';

export interface Measure {
  /** Tokens of a prompt that is made of these messages; Infinity where not even the engine's whole context holds it. */
  (messages: ChatMessage[]): Promise<number>;
}

export class History {
  /** Never leave: those of `initialPrompts`. */
  readonly initial: readonly ChatMessage[];
  /** In tokens, the prompt alone: where a reply begins. */
  readonly contextWindow: number;
  #rest: ChatMessage[];
  #usage: number;

  constructor(initial: readonly ChatMessage[], contextWindow: number, usage = 0, rest: ChatMessage[] = []) {
    this.initial = initial;
    this.contextWindow = contextWindow;
    this.#usage = usage;
    this.#rest = rest;
  }

  /** Tokens in the context window. */
  get usage(): number {
    return this.#usage;
  }

  get messages(): ChatMessage[] {
    return [...this.initial, ...this.#rest];
  }

  copy(): History {
    return new History(this.initial, this.contextWindow, this.#usage, [...this.#rest]);
  }

  /**
   * The messages of a prompt that ends in `added`, with what has to leave the window for it; nothing is kept of it yet.
   * @throws QuotaExceededError where `added` does not fit beside the initial prompts
   */
  async with(added: ChatMessage[], measure: Measure): Promise<{ rest: ChatMessage[]; tokens: number; left: number }> {
    const cuts = [0, ...turnStarts(this.#rest), this.#rest.length];
    for (const cut of new Set(cuts)) {
      const rest = [...this.#rest.slice(cut), ...added];
      const tokens = await measure([...this.initial, ...rest]);
      if (tokens <= this.contextWindow) return { rest, tokens, left: cut };
    }
    const requested = await measure(added);
    throw quotaExceeded(Number.isFinite(requested) ? requested : this.contextWindow + 1, this.contextWindow);
  }

  /** What the session holds from now on. */
  keep(rest: ChatMessage[], usage: number): void {
    this.#rest = rest;
    this.#usage = usage;
  }

  /** As the specification has it, what left does not come back when the prompt is aborted. */
  drop(count: number): void {
    this.#rest = this.#rest.slice(count);
  }
}

/** Where a message of the user follows an answer: a turn leaves whole. */
const turnStarts = (messages: readonly ChatMessage[]): number[] =>
  messages.flatMap(({ role }, i) => (i > 0 && role === 'user' && messages[i - 1]!.role !== 'user' ? [i] : []));
