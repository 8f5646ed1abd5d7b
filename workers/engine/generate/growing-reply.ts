/** A reply as it grows: its tokens, the random numbers that belong to them, and what may follow. */
import type { Choice } from '../decoder.ts';
import type { Sampling } from '../../shared/protocol.ts';
import { RandomNumbers } from './random.ts';
import type { Sequence } from './sequence.ts';

export interface TokenOptions {
  sampling: Sampling;
  maxTokens: number;
  /** End tokens: sent, then nothing more. */
  eos: readonly number[];
  /** Tokens at the end of the prompt that were chosen with the same seed before: the random numbers go on behind theirs. */
  skip?: number;
  /** false: no prompt lookup. */
  drafts?: boolean;
  signal?: AbortSignal;
  onPrefill?: (done: number, total: number) => void;
  /** The constraint of the reply, positioned after the prompt. */
  constraint?: TokenConstraint;
}

/** The constraint as the loop uses it (constraint/matcher.ts). `left`: tokens that the reply may still have. */
export interface TokenConstraint {
  /** Nothing can follow but the end, which is `end`. */
  readonly ended: boolean;
  readonly end: number;
  /** Nothing needs to be masked until one of `triggers` was chosen. */
  readonly free: boolean;
  readonly triggers: readonly number[];
  push(ids: readonly number[]): void;
  mask(left: number): Uint32Array;
  /** At most `most` tokens that must come next. */
  forced(most: number, left: number): number[];
  /** How many of `ids` may follow, and the masks before each of them and behind the last. */
  allow(ids: readonly number[], left: number): { count: number; masks: Uint32Array };
}

export class GrowingReply {
  readonly tokens: number[];
  readonly #sequence: Sequence;
  readonly #options: TokenOptions;
  readonly #random: RandomNumbers;
  readonly #seen: Float32Array;
  readonly #stop: readonly number[];
  readonly #end: number;

  constructor(sequence: Sequence, prompt: readonly number[], options: TokenOptions) {
    const { sampling, maxTokens, skip = 0, eos, constraint } = options;
    this.#sequence = sequence;
    this.#options = options;
    this.#random = new RandomNumbers(sampling.seed);
    this.#random.use(skip);
    this.#seen = new Float32Array(sequence.config.vocab);
    for (const id of prompt) this.#seen[id] = 1;
    this.tokens = [...prompt];
    this.#end = prompt.length + maxTokens;
    this.#stop = constraint ? [...eos, ...constraint.triggers] : eos;
  }

  get last(): number {
    return this.tokens.at(-1)!;
  }

  /** Tokens that may still come. */
  get left(): number {
    return this.#end - this.tokens.length;
  }

  /** Most steps of a run: under a mask each depends on the one before. */
  get steps(): number {
    const { constraint } = this.#options;
    return !constraint || constraint.free ? Infinity : 1;
  }

  choice(steps: number, mask: Uint32Array | undefined = this.#mask()): Choice {
    return {
      sampling: this.#options.sampling,
      randoms: this.#random.next(steps),
      seen: this.#seen,
      stop: this.#stop,
      ...(mask && { mask }),
    };
  }

  #mask(): Uint32Array | undefined {
    const { constraint } = this.#options;
    return constraint && !constraint.free ? constraint.mask(this.left) : undefined;
  }

  /** A token that was chosen uses one random number; so does one that was certain, so that each position keeps its own. */
  add(ids: number[]): number[] {
    this.#random.use(ids.length); // a draft's numbers behind the last token that was right belong to the tokens that come next
    this.tokens.push(...ids);
    for (const id of ids) this.#seen[id] = 1;
    this.#options.constraint?.push(ids);
    return ids;
  }

  async begin(): Promise<{ id: number; before?: number[]; computed: number }> {
    const { signal, onPrefill, constraint } = this.#options;
    const before = constraint?.forced(this.left - 1, this.left) ?? [];
    this.add(before);
    if (constraint?.ended) {
      // All of it was certain, so there is nothing to choose.
      this.add([constraint.end]);
      return { id: constraint.end, before, computed: 0 };
    }
    const { id, computed } = await this.#sequence.prefill(this.tokens, this.choice(1), {
      signal,
      onProgress: onPrefill,
    });
    this.add([id]);
    return { id, ...(before.length > 0 && { before }), computed };
  }

  /** Computes the whole sequence once more and chooses the next token. */
  async readAgain(): Promise<number> {
    const { id } = await this.#sequence.prefill(this.tokens, this.choice(1), { signal: this.#options.signal });
    this.add([id]);
    return id;
  }

  /** Tokens that need not be chosen, read in one chunk, and the one behind them; null where there is a choice. */
  async certain(most: number): Promise<number[] | null> {
    const { constraint } = this.#options;
    if (!constraint) return null;
    if (constraint.ended) {
      return this.add([constraint.end]);
    }
    const before = this.last;
    const run = constraint.forced(Math.min(most, this.#sequence.decoder.chunkTokens) - 1, this.left);
    if (run.length === 0) return null;
    this.add(run);
    const end = constraint.ended ? constraint.end : await this.#sequence.extend([before, ...run], this.choice(1));
    this.add([end]);
    return [...run, end];
  }

  /** As much of a draft as may follow, and the masks of its positions. */
  fitting(draft: readonly number[]): { draft: readonly number[]; masks?: Uint32Array } {
    const { constraint } = this.#options;
    if (!constraint || constraint.free || draft.length === 0) return { draft };
    const { count, masks } = constraint.allow(draft, this.left);
    return { draft: draft.slice(0, count), masks };
  }
}
