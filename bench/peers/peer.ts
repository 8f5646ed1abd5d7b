/** The interface of every engine in the comparison, as the page sees it. */
import type { ChatMessage } from '../../workers/shared/protocol.ts';

export const PEER_NAMES = ['ours', 'wllama', 'transformers.js', 'padded-webnn', 'matmuls-webnn'] as const;
export type PeerName = (typeof PEER_NAMES)[number];
export type BackendName = 'wasm' | 'webgpu' | 'webnn';

/** One prompt in the three forms that engines take. `ids` is the tokenisation of `text`, which is the rendering of `messages`. */
export interface Prompt {
  messages: ChatMessage[];
  text: string;
  ids: number[];
}

/** Measured on the page with `performance.now()`: what a person at the screen would see. */
export interface Reply {
  text: string;
  promptTokens: number;
  /** Prompt tokens computed for this reply, as the engine reports them; null if it does not. */
  prefilledTokens: number | null;
  tokens: number;
  /** From the call to the first token's arrival. */
  ttftMs: number;
  /** First token excluded; null for a reply of one token. */
  decodeTokensPerSecond: number | null;
}

export interface PeerOptions {
  backend: BackendName;
  threads: number;
  /** KV slots; enough for every task. */
  contextLength: number;
  /** Temperature of this engine's replies; the others are greedy. */
  temperature: number;
  /** Overrides of the engine's own settings, for finding its best ones. */
  settings: Record<string, unknown>;
}

export interface Peer {
  /** Versions and settings in words, known after `load`. */
  describe(): string;
  /** Downloads into the engine's own store, once; never timed. */
  install(): Promise<void>;
  /** From the engine's own store until it can answer. */
  load(): Promise<void>;
  /** A greedy reply. With `reuse` the engine may keep what it computed for the last one; without, it starts from an empty cache. */
  reply(prompt: Prompt, maxTokens: number, reuse: boolean, drafts?: boolean): Promise<Reply>;
  close(): Promise<void>;
}

/** Behind its first token a reply is cut here: its speed is known by then. Engines on slow devices are compared too, at seconds a token. */
const DECODE_LIMIT_MS = 20_000;

/** Times the tokens of one reply. */
export class Stopwatch {
  readonly #start = performance.now();
  #first: { at: number; tokens: number } | null = null;
  #last: { at: number; tokens: number } | null = null;

  /** `tokens`: how many have arrived in all. */
  arrived(tokens: number): void {
    const now = { at: performance.now(), tokens };
    this.#first ??= now;
    this.#last = now;
  }

  /** The figures of a reply for an engine that computes every prompt again, or does not report it. */
  reply(text: string, promptTokens: number): Reply {
    const { tokens, ttftMs, decodeTokensPerSecond } = this;
    return { text, promptTokens, prefilledTokens: null, tokens, ttftMs, decodeTokensPerSecond };
  }

  /** The reply has gone on for long enough. */
  get overtime(): boolean {
    return this.#first !== null && performance.now() - this.#first.at > DECODE_LIMIT_MS;
  }

  get ttftMs(): number {
    if (!this.#first) throw new Error('The reply ended without a token.');
    return this.#first.at - this.#start;
  }

  get tokens(): number {
    return this.#last?.tokens ?? 0;
  }

  get decodeTokensPerSecond(): number | null {
    if (!this.#first || !this.#last || this.#last.tokens === this.#first.tokens) return null;
    return ((this.#last.tokens - this.#first.tokens) * 1000) / (this.#last.at - this.#first.at);
  }
}
