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
  for (const id of prompt) seen[id] = 1;
  const choice = (steps: number): Choice => ({
    sampling,
    randoms: random.next(steps),
    seen,
    stop: eos,
  });

  const tokens = [...prompt];
  let started = performance.now();
  const { id, computed } = await sequence.prefill(tokens, choice(1), { signal, onProgress: onPrefill });
  let last = id;
  random.use(1);
  tokens.push(id);
  seen[id] = 1;
  yield { type: 'first', id, computed, ms: performance.now() - started };

  const lookup = options.drafts !== false && sequence.costs ? new Lookup(sequence.costs) : null;
  let stepMs = RUN_MS; // unknown: the first run takes one step
  while (!eos.includes(last) && tokens.length - prompt.length < maxTokens && tokens.length <= sequence.decoder.slots) {
    await nextTask();
    if (signal?.aborted) break;
    started = performance.now();
    if (sequence.outgrown(tokens.length)) {
      const again = await sequence.prefill(tokens, choice(1), { signal });
      yield { type: 'rope-switch', ms: performance.now() - started };
      last = again.id;
      random.use(1);
      tokens.push(last);
      seen[last] = 1;
      yield { type: 'tokens', ids: [last], ms: performance.now() - started };
      continue;
    }
    const most = Math.min(maxTokens - (tokens.length - prompt.length), sequence.room());
    const draft = lookup?.draft(tokens, Math.min(most, sequence.decoder.chunkTokens)) ?? [];
    let ids: number[];
    if (draft.length > 0) {
      // What a draft says has occurred before, so that `seen` is the same at each of its positions.
      ids = await sequence.check(last, draft, choice(draft.length + 1));
      lookup!.checked(draft.length, ids.length - 1, performance.now() - started);
    } else {
      const steps = Math.max(
        1,
        Math.min(most, sequence.decoder.maxSteps, Math.floor(RUN_MS / stepMs), lookup?.run ?? Infinity),
      );
      ids = await sequence.decode(last, choice(steps));
      lookup?.stepped(ids.length, performance.now() - started);
      stepMs = (performance.now() - started) / ids.length;
    }
    const ms = performance.now() - started;
    random.use(ids.length); // a draft's numbers behind the last token that was right belong to the tokens that come next
    last = ids.at(-1)!;
    tokens.push(...ids);
    for (const chosen of ids) seen[chosen] = 1;
    yield { type: 'tokens', ids, ms };
  }
}
