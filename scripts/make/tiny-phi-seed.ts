/** `npx tsx scripts/make/tiny-phi-seed.ts [seeds]`: the seed for workers/engine/choose/tiny-phi.ts whose greedy tokens are the surest, and those tokens. */
import { referenceGreedy, referencePhi } from '../../workers/engine/choose/testing/reference-phi.ts';
import { TINY_PROMPT, TINY_SIZE, tinyPhi } from '../../workers/engine/choose/tiny-phi.ts';

const COUNT = 8;
const seeds = Number(process.argv[2] ?? 300);
let best = 0;
for (let seed = 1; seed <= seeds; seed++) {
  const { tokens, leads } = referenceGreedy(await referencePhi(tinyPhi(TINY_SIZE, seed)), TINY_PROMPT, COUNT, best);
  if (tokens.length < COUNT || Math.min(...leads) <= best || new Set(tokens).size < COUNT) continue;
  best = Math.min(...leads);
  console.log(`seed ${seed}: least lead ${best.toFixed(3)}, tokens ${JSON.stringify(tokens)}`);
}
