/** How fast a way to run models is, measured on a made-up Phi: no download, no form of hundreds of megabytes made only to find out. */
import type { Checkpoint } from '../checkpoint/types.ts';
import { tinyPhi, type TinySize } from './tiny-phi.ts';
import type { Decoder } from './types.ts';

/** 6 million weights in matrices of the starter's size: enough for their time to show behind what each run costs anyway. */
const PACE_SIZE: TinySize = { layers: 2, hidden: 512, heads: 8, kvHeads: 4, headDim: 64, intermediate: 1408, vocab: 512, rotaryDim: 64 };
export const PACE_SLOTS = 64;
const PROMPT_TOKENS = 16;
const DECODE_TOKENS = 8;
/** A way that takes so many times as long as the best one so far need not be measured to the end. */
const HOPELESS = 3;

const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 };

export const paceModel = (): Checkpoint => tinyPhi(PACE_SIZE, 1);

/** Time of a short turn (a prompt of 16 tokens, a reply of 9), in ms, once warm. `best`: of the fastest way so far. */
export async function measurePace(decoder: Decoder, best: number): Promise<number> {
  const choice = (steps: number) => ({ sampling: GREEDY, randoms: new Float32Array(steps), seen: new Float32Array(PACE_SIZE.vocab), stop: [] });
  const ids = Array.from({ length: PROMPT_TOKENS }, (_, i) => i);
  const turn = async (tokens: number) => {
    const started = performance.now();
    const first = await decoder.chunk({ ids, past: 0, rope: 'short', choice: choice(1), rows: 'last' });
    let last = first.id!;
    for (let done = 0; done < tokens;) {
      const chosen = await decoder.decode(last, PROMPT_TOKENS + done, 'short', choice(Math.min(decoder.maxSteps, tokens - done)));
      done += chosen.length;
      last = chosen.at(-1)!;
    }
    return performance.now() - started;
  };
  await turn(1); // the first run of a session compiles
  const short = await turn(1);
  if (short > HOPELESS * best) return short;
  return Math.min(await turn(DECODE_TOKENS), await turn(DECODE_TOKENS));
}
