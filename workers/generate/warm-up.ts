import type { Decoder } from '../backends/types.ts';
import type { PhiConfig } from '../checkpoint/types.ts';

const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 };
const WARM_TOKENS = 8;

/**
 * Runs both ways through the decoder once or twice, so that the first reply does not pay for WebAssembly's tier-up (4-5x on the first
 * run), pipeline creation on a GPU or first touches of the cache. Resolves with the time taken, in ms.
 */
export async function warmUp(decoder: Decoder, { vocab }: PhiConfig): Promise<number> {
  const started = performance.now();
  const ids = Array.from({ length: Math.min(WARM_TOKENS, decoder.slots - 2, decoder.chunkTokens) }, (_, i) => i % vocab);
  const choice = { sampling: GREEDY, randoms: new Float32Array(1), seen: new Float32Array(vocab), stop: [] };
  const { id } = await decoder.chunk({ ids, past: 0, rope: 'short', choice, rows: 'last' });
  await decoder.decode(id ?? 0, ids.length, 'short', { ...choice, randoms: new Float32Array(Math.min(2, decoder.maxSteps)) });
  return performance.now() - started;
}
