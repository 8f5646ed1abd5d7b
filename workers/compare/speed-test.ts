/** What llama-bench measures (`pp512`, `tg128`, `pp512 @ d1024`), by the engine's own loop. No chat template, no text: tokens in, tokens out. */
import { generateTokens } from '../engine/generate/generate.ts';
import { Sequence } from '../engine/generate/sequence.ts';
import type { Model } from '../engine/model.ts';
import type { SpeedTest } from '../shared/compare-protocol.ts';
import { GREEDY } from '../shared/greedy.ts';

/** Tokens a second of each round. The first round fills the context behind which the others are measured, and does not count. */
export async function runSpeedTest(
  model: Pick<Model, 'decoder' | 'config'>,
  { kind, tokens, depth }: SpeedTest,
  text: readonly number[],
  rounds: number,
  onRound: (done: number) => void,
): Promise<number[]> {
  const sequence = new Sequence(model.decoder, model.config);
  const context = repeated(text, depth);
  const heads = [...new Set(text)];
  const rates: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    // The first token of each round differs from that of the one before: what the cache holds of the last round is not found again.
    const prompt = [...context, heads[round % heads.length]!, ...(kind === 'pp' ? repeated(text, tokens - 1) : [])];
    const ms = kind === 'pp' ? await readingMs(sequence, prompt) : await writingMs(sequence, prompt, tokens);
    if (round > 0) rates.push((1000 * tokens) / ms);
    onRound(round);
  }
  return rates;
}

const repeated = (text: readonly number[], count: number): number[] =>
  Array.from({ length: count }, (_, i) => text[i % text.length]!);

const options = (maxTokens: number) => ({ sampling: GREEDY, maxTokens, eos: [], drafts: false });

async function readingMs(sequence: Sequence, prompt: number[]): Promise<number> {
  for await (const event of generateTokens(sequence, prompt, options(1))) if (event.type === 'first') return event.ms;
  throw new Error('The engine ended without a token.');
}

/** Time of `tokens` steps after the first token. A sequence that is read again for other rope factors (LongRoPE) does not count. */
async function writingMs(sequence: Sequence, prompt: number[], tokens: number): Promise<number> {
  let last = performance.now();
  let ms = 0;
  let steps = 0;
  let readAgain = false;
  for await (const event of generateTokens(sequence, prompt, options(tokens + 1))) {
    const now = performance.now();
    if (event.type === 'tokens' && !readAgain) {
      ms += now - last;
      steps += event.ids.length;
    }
    readAgain = event.type === 'rope-switch';
    last = now;
  }
  return (ms * tokens) / Math.max(1, steps);
}
