import type { Decoder } from '../decoder.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import { greedyChoice } from './greedy.ts';
import type { ChunkCosts } from './lookup.ts';

const WARM_TOKENS = 8;

/**
 * Runs both ways through the decoder, so that the first reply does not pay for WebAssembly's tier-up (4-5x on the first run), pipeline creation on
 * a GPU or first touches of the cache; then once more, to see what a chunk costs beside a single step. `ms`: the time all of it took.
 * @param hadChunks the same code has run chunks already, in a self-test
 */
export async function warmUp(
  decoder: Decoder,
  { vocab }: PhiConfig,
  hadChunks: boolean,
): Promise<{ ms: number; costs: ChunkCosts }> {
  const started = performance.now();
  const ids = Array.from(
    { length: Math.max(1, Math.min(WARM_TOKENS, decoder.slots - 2, decoder.chunkTokens)) },
    (_, i) => i % vocab,
  );
  const steps = Math.min(2, decoder.maxSteps);
  const timed = async (run: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
  if (!hadChunks) await decoder.chunk({ ids, past: 0, rope: 'short', choice: greedyChoice(vocab), rows: 'last' });
  await decoder.decode(0, ids.length, 'short', greedyChoice(vocab, steps));
  const tokenMs = (await timed(() => decoder.decode(0, ids.length, 'short', greedyChoice(vocab, steps)))) / steps;
  const chunkMs = await timed(() => decoder.chunk({ ids, past: 0, rope: 'short', choice: null, rows: 'all' }));
  return {
    ms: performance.now() - started,
    costs: { tokenMs, rowMs: Math.max(0, chunkMs - tokenMs) / Math.max(1, ids.length - 1) },
  };
}
