/** Replays a known reply through drafts: shows whether a backend chooses the same token in a chunk as in a single step. */
import { allCandidates, choose } from '../../webnn/selection.ts';
import type { ReplayResult } from '../../../shared/evaluate-protocol.ts';
import type { Sampling } from '../../../shared/protocol.ts';
import type { PhiConfig } from '../../checkpoint/types.ts';
import type { Decoder } from '../../decoder.ts';
import { RandomNumbers } from '../random.ts';
import { Sequence } from '../sequence.ts';

/** Sums of probabilities in another order move a boundary between two tokens by this much. */
const ROUNDING = 1e-5;
/**
 * How far logits of the same token lie apart when time groups tokens into other runs (WASM's loop of steps, whose logits stay inside, beside a
 * chunk of one): measured on the starter, int8.
 */
const GROUPING = 0.02;

/**
 * Checks `reply`, which the loop gave for `prompt` and `sampling`, in drafts of `length` tokens, every second one with a wrong token at its end. Without
 * repetition penalty, and short rope factors throughout. A choice that differs is explained when the draw lies within the difference between the logits of
 * the chunk and those of single steps.
 */
export async function replay(
  decoder: Decoder,
  config: PhiConfig,
  prompt: readonly number[],
  reply: readonly number[],
  sampling: Sampling,
  length: number,
): Promise<ReplayResult> {
  const sequence = new Sequence(decoder, config);
  const random = new RandomNumbers(sampling.seed);
  const seen = new Float32Array(config.vocab);
  const choice = (count: number) => ({ sampling, randoms: random.next(count), seen, stop: [] });
  const result: ReplayResult = { checked: 0, explained: 0, unexplained: [], largestDifference: 0 };
  await sequence.prefill(prompt, choice(1));
  random.use(1);
  for (let at = 1, round = 0; at < reply.length; round++) {
    const draft = reply.slice(at, at + length);
    if (round % 2 === 1) draft[draft.length - 1] = (draft.at(-1)! + 1) % config.vocab;
    const past = sequence.length;
    const found = await sequence.check(reply[at - 1]!, draft, choice(draft.length + 1));
    const wanted = reply.slice(at, at + found.length);
    const wrong = wanted.findIndex((id, i) => id !== found[i]);
    const used = wrong < 0 ? wanted.length : wrong + 1;
    if (wrong >= 0) {
      const inChunk = await logitsOf(decoder, [reply[at - 1]!, ...draft], past, wrong);
      const inStep = await stepLogits(decoder, prompt, reply.slice(0, at + wrong));
      const difference = inChunk.reduce((most, value, i) => Math.max(most, Math.abs(value - inStep[i]!)), 0);
      result.largestDifference = Math.max(result.largestDifference, difference);
      const draw = random.next(used)[wrong]!;
      const tokens = [found[wrong]!, wanted[wrong]!] as const;
      if (explains(inChunk, inStep, Math.max(difference, GROUPING), { tokens, sampling, draw })) result.explained++;
      else result.unexplained.push(at + wrong);
    }
    random.use(used);
    result.checked += used;
    at += used;
  }
  return result;
}

/** Logits of one row of a chunk. */
async function logitsOf(decoder: Decoder, ids: readonly number[], past: number, row: number): Promise<Float32Array> {
  const { logits } = await decoder.chunk({ ids, past, rope: 'short', choice: null, rows: 'all', logits: true });
  const vocab = logits!.length / ids.length;
  return logits!.slice(row * vocab, (row + 1) * vocab);
}

/** Logits after `prompt` and `reply`, whose tokens are fed one by one. */
async function stepLogits(
  decoder: Decoder,
  prompt: readonly number[],
  reply: readonly number[],
): Promise<Float32Array> {
  await decoder.chunk({ ids: prompt, past: 0, rope: 'short', choice: null, rows: 'last' });
  let logits: Float32Array = new Float32Array(0);
  for (const [i, id] of reply.entries()) logits = await logitsOf(decoder, [id], prompt.length + i, 0);
  return logits;
}

interface Draw {
  /** Chosen in the chunk, and in the reply. */
  tokens: readonly [number, number];
  sampling: Sampling;
  draw: number;
}

/**
 * The two tokens are so close that the difference of the logits changes their order, or both are picked within the part of [0, 1) by which that
 * difference can move a boundary between tokens. (Logits that move by d move a sum of probabilities by d / temperature at the most.)
 */
function explains(
  inChunk: Float32Array,
  inStep: Float32Array,
  difference: number,
  { tokens: [found, wanted], sampling, draw }: Draw,
): boolean {
  if (Math.abs(inChunk[found]! - inChunk[wanted]!) <= 2 * difference) return true;
  const reach = ROUNDING + (sampling.temperature > 0 ? difference / sampling.temperature : 0);
  return [inChunk, inStep].some((logits) => {
    const near = picks(logits, sampling, draw, reach);
    return near.has(found) && near.has(wanted);
  });
}

/** Draws that are tried on each side: more than there are tokens within the reach of the differences seen. */
const DRAWS = 16;

/** The tokens that draws within `reach` of `draw` pick. */
function picks(logits: Float32Array, sampling: Sampling, draw: number, reach: number): Set<number> {
  const all = allCandidates(logits, new Float32Array(logits.length), sampling);
  const draws = Array.from({ length: 2 * DRAWS + 1 }, (_, i) => draw + (reach * (i - DRAWS)) / DRAWS);
  return new Set(draws.map((one) => choose(all, sampling, Math.min(Math.max(0, one), 1 - ROUNDING))));
}
