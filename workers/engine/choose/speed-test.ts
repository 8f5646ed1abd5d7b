/**
 * Measures the speed of a candidate on a made-up Phi, without a download and without making hundreds of megabytes of
 * weights.
 */
import type { Checkpoint } from '../checkpoint/types.ts';
import { continueGreedily } from '../generate/greedy.ts';
import { tinyPhi, type TinySize } from './tiny-phi.ts';
import type { Decoder } from '../decoder.ts';

/** 6 million weights in matrices of the starter's size: enough that their time shows beside the fixed cost of a run. */
const SPEED_TEST_SIZE: TinySize = {
  layers: 2,
  hidden: 512,
  heads: 8,
  kvHeads: 4,
  headDim: 64,
  intermediate: 1408,
  vocab: 512,
  rotaryDim: 64,
};
export const SPEED_TEST_SLOTS = 64;
const PROMPT_TOKENS = 16;
const DECODE_TOKENS = 8;
/** Stop measuring a candidate once it takes this many times as long as the best one so far. */
const HOPELESS = 3;

export const speedTestModel = (): Checkpoint => tinyPhi(SPEED_TEST_SIZE, 1);

/** Time of a short turn (a prompt of 16 tokens, a reply of 9), in ms, once warm. `best`: of the fastest way so far. */
export async function measureSpeed(decoder: Decoder, best: number): Promise<number> {
  const ids = Array.from({ length: PROMPT_TOKENS }, (_, i) => i);
  /** `tokens`: behind the first, which the prompt gives. */
  const turn = async (tokens: number) => {
    const started = performance.now();
    await continueGreedily(decoder, SPEED_TEST_SIZE.vocab, ids, 1 + tokens);
    return performance.now() - started;
  };
  await turn(1); // the first run of a session compiles
  const short = await turn(1);
  if (short > HOPELESS * best) return short;
  return Math.min(await turn(DECODE_TOKENS), await turn(DECODE_TOKENS));
}
