/** The loop: prefill, choose, decode, stop. It handles tokens only; text.ts turns them into text. */
import { GrowingReply, type TokenOptions } from './growing-reply.ts';
import { Lookup } from './lookup.ts';
import { nextTask } from './next-task.ts';
import type { Sequence } from './sequence.ts';

export type { TokenOptions } from './growing-reply.ts';

/** A run of several tokens lasts about this long at most: text flows evenly, and Stop acts at the end of a run. */
const RUN_MS = 150;

export type TokenEvent =
  /** Sent once, with the first token: tokens computed and how long it took. `before`: tokens of the reply that a constraint has put before it. */
  | { type: 'first'; id: number; before?: number[]; computed: number; ms: number }
  /** Tokens after the first, in order. */
  | { type: 'tokens'; ids: number[]; ms: number }
  /** The rope factors changed and the whole sequence was computed again. */
  | { type: 'rope-switch'; ms: number };

/**
 * Generates tokens after `prompt` until an end token, `maxTokens`, a full context (the last slot is used) or an abort between runs.
 * The consumer may stop early by leaving its loop; the cache stays valid for the next call.
 */
export async function* generateTokens(
  sequence: Sequence,
  prompt: readonly number[],
  options: TokenOptions,
): AsyncGenerator<TokenEvent> {
  const { eos, signal } = options;
  const reply = new GrowingReply(sequence, prompt, options);
  let started = performance.now();
  const first = await reply.begin();
  yield { type: 'first', ...first, ms: performance.now() - started };

  const stepper = new Stepper(sequence, options.drafts !== false);
  while (!eos.includes(reply.last) && reply.left > 0 && reply.tokens.length <= sequence.decoder.slots) {
    await nextTask();
    if (signal?.aborted) break;
    started = performance.now();
    let ids: number[];
    if (sequence.outgrown(reply.tokens.length)) {
      ids = [await reply.readAgain()];
      yield { type: 'rope-switch', ms: performance.now() - started };
    } else ids = (await reply.certain(Math.min(reply.left, sequence.room()))) ?? (await stepper.next(reply));
    yield { type: 'tokens', ids, ms: performance.now() - started };
  }
}

/**
 * One run after the other. If there is a draft, a run checks it; otherwise a run takes as many single steps as its time
 * allows.
 */
class Stepper {
  readonly #sequence: Sequence;
  readonly #lookup: Lookup | null;
  #stepMs = RUN_MS; // unknown, so the first run takes one step

  constructor(sequence: Sequence, drafts: boolean) {
    this.#sequence = sequence;
    this.#lookup = drafts && sequence.costs ? new Lookup(sequence.costs) : null;
  }

  /** Adds tokens to the reply, and resolves with them. */
  async next(reply: GrowingReply): Promise<number[]> {
    const { decoder } = this.#sequence;
    const started = performance.now();
    const most = Math.min(reply.left, this.#sequence.room());
    const { draft, masks } = reply.fitting(
      this.#lookup?.draft(reply.tokens, Math.min(most, decoder.chunkTokens)) ?? [],
    );
    if (draft.length > 0) {
      // All tokens of a draft have occurred before, so `seen` is the same at each of its positions.
      const ids = await this.#sequence.check(reply.last, draft, reply.choice(draft.length + 1, masks));
      this.#lookup!.checked(draft.length, ids.length - 1, performance.now() - started);
      return reply.add(ids);
    }
    const runs = [
      most,
      decoder.maxSteps,
      Math.floor(RUN_MS / this.#stepMs),
      this.#lookup?.run ?? Infinity,
      reply.steps,
    ];
    const ids = await this.#sequence.decode(reply.last, reply.choice(Math.max(1, Math.min(...runs)), masks));
    this.#lookup?.stepped(ids.length, performance.now() - started);
    this.#stepMs = (performance.now() - started) / ids.length;
    return reply.add(ids);
  }
}
