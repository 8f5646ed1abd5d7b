/** Teacher forcing: what the model says at every position of a given text. For evaluation, self-tests and the compare page. */
import type { Decoder } from '../decoder.ts';
import type { StepScores } from '../../shared/compare-protocol.ts';
import type { RopeSet } from '../graph/rope.ts';

/** Positions on which the head is computed in one run: logits of 200,000 tokens are large. */
const SCORE_TOKENS = 64;

/**
 * Argmax at positions `from` and on, the log-probability of a target at each, in nats, and with `gaps` the difference of the two best logits (arrays of
 * `length - from`). Overwrites the decoder's cache from slot `from`.
 * @param from slots before it hold their tokens already
 * @param targets absent: the next tokens of the text, and token 0 behind the last
 */
export async function scoreRows(
  decoder: Decoder,
  ids: readonly number[],
  rope: RopeSet,
  {
    from = 0,
    targets = [...ids.slice(from + 1), 0],
    gaps = false,
  }: { from?: number; targets?: readonly number[]; gaps?: boolean } = {},
): Promise<StepScores> {
  const count = ids.length - from;
  const scores: StepScores = {
    argmax: new Int32Array(count),
    logprobs: new Float32Array(count),
    gaps: new Float32Array(gaps ? count : 0),
  };
  await inChunks(decoder, ids.slice(from), SCORE_TOKENS, async (chunk, at) => {
    const result = await decoder.chunk({
      ids: chunk,
      past: from + at,
      rope,
      choice: null,
      rows: 'all',
      targets: targets.slice(at, at + chunk.length),
      logits: gaps,
    });
    scores.argmax.set(result.argmax, at);
    scores.logprobs.set(result.logprobs, at);
    if (!result.logits) return;
    const vocab = result.logits.length / chunk.length;
    for (let row = 0; row < chunk.length; row++)
      scores.gaps[at + row] = topGap(result.logits.subarray(row * vocab, (row + 1) * vocab));
  });
  return scores;
}

/** Argmax `[length]` at every position, and the log-probability `[length - 1]` of each next token, in nats. */
export async function scoreText(
  decoder: Decoder,
  ids: readonly number[],
  rope: RopeSet,
): Promise<{ argmax: Int32Array; logprobs: Float32Array }> {
  const { argmax, logprobs } = await scoreRows(decoder, ids, rope);
  return { argmax, logprobs: logprobs.subarray(0, ids.length - 1) };
}

/** Argmax and the difference of the two best logits at positions `from` and on (each an array of `length - from`). */
export async function scoreGaps(
  decoder: Decoder,
  ids: readonly number[],
  rope: RopeSet,
  from = 0,
): Promise<{ argmax: Int32Array; gaps: Float32Array }> {
  const { argmax, gaps } = await scoreRows(decoder, ids, rope, { gaps: true });
  return { argmax: argmax.subarray(from), gaps: gaps.subarray(from) };
}

/** Like `scoreText`, from position `from` on: what lies before is read without its head. */
export async function scoreSteps(
  decoder: Decoder,
  ids: readonly number[],
  rope: RopeSet,
  { from, gaps }: { from: number; gaps: boolean },
): Promise<StepScores> {
  await inChunks(decoder, ids.slice(0, from), decoder.chunkTokens, async (chunk, past) => {
    await decoder.chunk({ ids: chunk, past, rope, choice: null, rows: 'last' });
  });
  const scores = await scoreRows(decoder, ids, rope, { from, gaps });
  return { ...scores, logprobs: scores.logprobs.subarray(0, ids.length - from - 1) };
}

/** Logits `[vocab]` after the last of `ids`, the decoder's cache overwritten from slot 0. */
export async function lastLogits(decoder: Decoder, ids: readonly number[], rope: RopeSet): Promise<Float32Array> {
  let last: Float32Array | null = null;
  await inChunks(decoder, ids, decoder.chunkTokens, async (chunk, past) => {
    const end = past + chunk.length === ids.length;
    ({ logits: last } = await decoder.chunk({ ids: chunk, past, rope, choice: null, rows: 'last', logits: end }));
  });
  return last!;
}

async function inChunks(
  decoder: Decoder,
  ids: readonly number[],
  size: number,
  run: (chunk: number[], past: number) => Promise<void>,
): Promise<void> {
  const step = Math.min(size, decoder.chunkTokens);
  for (let past = 0; past < ids.length; past += step) await run(ids.slice(past, past + step), past);
}

function topGap(logits: Float32Array): number {
  let best = -Infinity;
  let second = -Infinity;
  for (const value of logits) {
    if (value > best) {
      second = best;
      best = value;
    } else if (value > second) second = value;
  }
  return best - second;
}
