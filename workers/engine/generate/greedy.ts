/** Greedy choice for code that tests, times or compares a decoder: the same tokens every time. */
import type { Choice, Decoder } from '../decoder.ts';
import { GREEDY } from '../../shared/greedy.ts';

/** The choice of up to `steps` tokens of a vocabulary of `vocab`, with no end token. */
export const greedyChoice = (vocab: number, steps = 1): Choice => ({
  sampling: GREEDY,
  randoms: new Float32Array(steps),
  seen: new Float32Array(vocab),
  stop: [],
});

/** The first `count` tokens after `prompt`, which is fed as one chunk to an empty cache with the short rope factors. */
export async function continueGreedily(
  decoder: Decoder,
  vocab: number,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  const first = await decoder.chunk({ ids: prompt, past: 0, rope: 'short', choice: greedyChoice(vocab), rows: 'last' });
  const tokens = [...first.chosen];
  while (tokens.length < count) {
    const steps = Math.min(decoder.maxSteps, count - tokens.length);
    tokens.push(
      ...(await decoder.decode(tokens.at(-1)!, prompt.length + tokens.length - 1, 'short', greedyChoice(vocab, steps))),
    );
  }
  return tokens;
}
