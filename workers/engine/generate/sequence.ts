/** The one sequence whose keys and values a decoder holds, and the part of it that the next prompt can reuse. */
import type { ChunkResult, Choice, Decoder, KvRows } from '../decoder.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import { ropeSetFor, type RopeSet } from '../graph/rope.ts';
import type { ChunkCosts } from './lookup.ts';
import { nextTask } from './next-task.ts';

export class Sequence {
  readonly decoder: Decoder;
  readonly config: PhiConfig;
  /** Tokens in the cache, slot by slot. */
  #cached: number[] = [];
  #rope: RopeSet = 'short';

  /** As measured on this decoder; null: unknown, so no drafts are made. */
  readonly costs: ChunkCosts | null;

  constructor(decoder: Decoder, config: PhiConfig, costs: ChunkCosts | null = null) {
    this.decoder = decoder;
    this.config = config;
    this.costs = costs;
  }

  /** Tokens whose keys and values are held. */
  get length(): number {
    return this.#cached.length;
  }

  /** Those tokens. */
  get ids(): readonly number[] {
    return this.#cached;
  }

  /** The factors that they were computed with. */
  get rope(): RopeSet {
    return this.#rope;
  }

  /** Takes keys and values that were computed earlier, in place of what is held. Rejects as `rows` does: then nothing is held. */
  async fill(ids: readonly number[], rope: RopeSet, rows: (layer: number) => Promise<KvRows>): Promise<void> {
    this.#cached = [];
    await this.decoder.kv.fill(ids.length, rows);
    this.#cached = [...ids];
    this.#rope = rope;
  }

  /**
   * The sequence has outgrown its rope factors, so everything in the cache is computed with the wrong ones
   * (docs/design.md: LongRoPE).
   */
  outgrown(length: number): boolean {
    return ropeSetFor(this.config, length) !== this.#rope && this.#cached.length > 0;
  }

  /** Slots that a run may still fill before the cache is full or the rope factors change. */
  room(): number {
    const scaling = this.config.ropeScaling;
    const limit =
      scaling && this.#rope === 'short' ? Math.min(this.decoder.slots, scaling.originalContext) : this.decoder.slots;
    return limit - this.#cached.length;
  }

  /**
   * Makes the cache hold `tokens`, computing only what follows the longest common prefix, and chooses the next token.
   * At least the last token is computed: the choice needs its logits. Resolves with the chosen token and the number of tokens computed.
   */
  async prefill(
    tokens: readonly number[],
    choice: Choice,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
  ): Promise<{ id: number; computed: number }> {
    const rope = ropeSetFor(this.config, tokens.length);
    let kept = rope === this.#rope ? commonPrefix(this.#cached, tokens) : 0;
    kept = Math.min(kept, tokens.length - 1);
    this.#cached.length = kept;
    this.#rope = rope;
    const total = tokens.length - kept;
    let result: ChunkResult | undefined;
    while (this.#cached.length < tokens.length) {
      await nextTask();
      signal?.throwIfAborted();
      const past = this.#cached.length;
      const ids = tokens.slice(past, past + this.decoder.chunkTokens);
      const last = past + ids.length === tokens.length;
      result = await this.decoder.chunk({ ids, past, rope, choice: last ? choice : null, rows: 'last' });
      this.#cached.push(...ids);
      onProgress?.(this.#cached.length - kept, total);
    }
    return { id: result!.chosen[0]!, computed: total };
  }

  /** Feeds `id` and chooses up to `choice.randoms.length` tokens after it. */
  async decode(id: number, choice: Choice): Promise<number[]> {
    const chosen = await this.decoder.decode(id, this.#cached.length, this.#rope, choice);
    this.#cached.push(id, ...chosen.slice(0, -1));
    return chosen;
  }

  /** Feeds tokens that are certain, at most a chunk of them, and chooses the one behind. */
  async extend(ids: readonly number[], choice: Choice): Promise<number> {
    const past = this.#cached.length;
    const { chosen } = await this.decoder.chunk({ ids, past, rope: this.#rope, choice, rows: 'last' });
    this.#cached.push(...ids);
    return chosen[0]!;
  }

  /**
   * Feeds `id` and `draft` in one chunk, chooses a token at each of their positions by the number that belongs to it, and resolves with the choices as far as
   * they are certain: the right beginning of the draft and the token after it, ending early after one of `choice.stop`.
   *
   * @param choice one random number for `id` and one for each token of the draft; every token of the draft must count as seen
   */
  async check(id: number, draft: readonly number[], choice: Choice): Promise<number[]> {
    const { sampling, stop } = choice;
    // The best token of each row costs less than a choice, and is the same where nothing is left to chance and everything is allowed.
    const best = sampling.temperature <= 0 && sampling.repetitionPenalty === 1 && !choice.mask;
    const { argmax, chosen } = await this.decoder.chunk({
      ids: [id, ...draft],
      past: this.#cached.length,
      rope: this.#rope,
      choice: best ? null : choice,
      rows: 'all',
    });
    const choices = best ? Array.from(argmax) : chosen;
    let right = 0;
    while (right < draft.length && choices[right] === draft[right] && !stop.includes(draft[right]!)) right++;
    this.#cached.push(id, ...draft.slice(0, right));
    return choices.slice(0, right + 1);
  }
}

export function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let i = 0;
  while (i < most && a[i] === b[i]) i++;
  return i;
}
