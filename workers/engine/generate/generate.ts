/** The loop: prefill, choose, decode, stop. Tokens only; text is made of them elsewhere. */
import type { Choice } from '../decoder.ts';
import type { Sampling } from '../../shared/protocol.ts';
import { Lookup } from './lookup.ts';
import { nextTask } from './next-task.ts';
import { RandomNumbers } from './random.ts';
import type { Sequence } from './sequence.ts';

/** A run of several tokens lasts about this long at most: text flows evenly, and Stop acts at the end of a run. */
const RUN_MS = 150;

export type TokenEvent =
  /** Sent once, with the first token: tokens computed and how long it took. */
  | { type: 'first'; id: number; computed: number; ms: number }
  /** Tokens after the first, in order. */
  | { type: 'tokens'; ids: number[]; ms: number }
  /** The rope factors changed and the whole sequence was computed again. */
  | { type: 'rope-switch'; ms: number };

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
}

/**
 * Generates tokens after `prompt` until an end token, `maxTokens`, a full context (the last slot is used) or an abort between runs.
 * The consumer may stop early by leaving its loop; the cache stays valid for the next call.
 */
export async function* generateTokens(
  sequence: Sequence,
  prompt: readonly number[],
  options: TokenOptions,
): AsyncGenerator<TokenEvent> {
  const { sampling, maxTokens, eos, skip = 0, signal, onPrefill } = options;
  const random = new RandomNumbers(sampling.seed);
  random.use(skip);
  const seen = new Float32Array(sequence.config.vocab);
  const choice = (steps: number): Choice => ({ sampling, randoms: random.next(steps), seen, stop: eos });
  const tokens: number[] = [];
  const add = (ids: readonly number[]): void => {
    for (const id of ids) {
      tokens.push(id);
      seen[id] = 1;
    }
  };
  add(prompt);
  let started = performance.now();
  const { id, computed } = await sequence.prefill(tokens, choice(1), { signal, onProgress: onPrefill });
  random.use(1);
  add([id]);
  yield { type: 'first', id, computed, ms: performance.now() - started };

  const stepper = new Stepper(sequence, options.drafts !== false);
  const generated = () => tokens.length - prompt.length;
  while (!eos.includes(tokens.at(-1)!) && generated() < maxTokens && tokens.length <= sequence.decoder.slots) {
    await nextTask();
    if (signal?.aborted) break;
    started = performance.now();
    let ids: number[];
    if (sequence.outgrown(tokens.length)) {
      ids = [(await sequence.prefill(tokens, choice(1), { signal })).id];
      yield { type: 'rope-switch', ms: performance.now() - started };
    } else ids = await stepper.next(tokens, maxTokens - generated(), choice);
    const ms = performance.now() - started;
    random.use(ids.length); // a draft's numbers behind the last token that was right belong to the tokens that come next
    add(ids);
    yield { type: 'tokens', ids, ms };
  }
}

/** One run after the other: a draft is checked where there is one, else as many single steps are made as a run may last. */
class Stepper {
  readonly #sequence: Sequence;
  readonly #lookup: Lookup | null;
  #stepMs = RUN_MS; // unknown: the first run takes one step

  constructor(sequence: Sequence, drafts: boolean) {
    this.#sequence = sequence;
    this.#lookup = drafts && sequence.costs ? new Lookup(sequence.costs) : null;
  }

  /** At most `wanted` tokens after `tokens`. */
  async next(tokens: readonly number[], wanted: number, choice: (steps: number) => Choice): Promise<number[]> {
    const { decoder } = this.#sequence;
    const started = performance.now();
    const most = Math.min(wanted, this.#sequence.room());
    const last = tokens.at(-1)!;
    const draft = this.#lookup?.draft(tokens, Math.min(most, decoder.chunkTokens)) ?? [];
    if (draft.length > 0) {
      // All tokens of a draft have occurred before, so `seen` is the same at each of its positions.
      const ids = await this.#sequence.check(last, draft, choice(draft.length + 1));
      this.#lookup!.checked(draft.length, ids.length - 1, performance.now() - started);
      return ids;
    }
    const fitting = Math.min(most, decoder.maxSteps, Math.floor(RUN_MS / this.#stepMs), this.#lookup?.run ?? Infinity);
    const ids = await this.#sequence.decode(last, choice(Math.max(1, fitting)));
    this.#lookup?.stepped(ids.length, performance.now() - started);
    this.#stepMs = (performance.now() - started) / ids.length;
    return ids;
  }
}
