/** Tests that a backend computes correctly on this device. Drivers that overflow or miscompile give fluent nonsense, not errors. */
import type { PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { continueGreedily } from '../generate/greedy.ts';
import { scoreRows, scoreText } from '../generate/score.ts';
import { TINY_PROMPT, TINY_TOKENS } from './tiny-phi.ts';
import type { Decoder } from '../decoder.ts';

/** Ordinary English, our own: every language model finds it far likelier than chance. */
export const SELF_TEST_TEXT =
  'When the rain stopped, the children ran out of the house and looked at the river. It had risen during the night, and the small bridge near the mill was under water.';

/** Share of ln(vocabulary), which is the loss of a model that knows nothing. */
const MOST_OF_CHANCE = 0.6;
/** Tokens that are scored again at later loads. */
const AGAIN_TOKENS = 12;
/**
 * Mean difference of log-probabilities, in nats a token, that the same weights may show at another load. Sums in another order (another driver, a
 * chunk of another length) move them by about 0.02 and float16 by less; a device that computes wrongly is off by whole nats.
 */
const DRIFT = 0.15;
/** The same against another form of the weights: int8 for each channel moves single tokens of a random model by up to 0.2. */
const OTHER_FORM = 0.3;
/**
 * By how many nats a token of the text may be likelier than the one that the device calls the likeliest: rounding of two runs. Devices that round ids to
 * float16 (exact up to 2,048) score every token right and choose others.
 */
const MOST_SHORTFALL = 0.3;

/**
 * Lets a decoder of the tiny Phi continue its prompt, twice: prompt in one chunk, then token by token. Rejects with `backend` when it says something
 * else; resolves with the time of the second round, in ms, when all is compiled.
 */
export async function testTiny(
  decoder: Decoder,
  config: PhiConfig,
  right: readonly number[] = TINY_TOKENS,
): Promise<number> {
  await sayTiny(decoder, config, right);
  const started = performance.now();
  await sayTiny(decoder, config, right);
  return performance.now() - started;
}

async function sayTiny(decoder: Decoder, { vocab }: PhiConfig, right: readonly number[]): Promise<void> {
  const tokens = await continueGreedily(decoder, vocab, TINY_PROMPT, right.length);
  if (tokens.join() === right.join()) return;
  throw new PhiError(
    'backend',
    `Self-test: the built-in tiny Phi said ${tokens.join(' ')} instead of ${right.join(' ')}, so the device computes wrongly.`,
  );
}

export interface Scored {
  /** Mean negative log-likelihood, in nats a token. */
  nll: number;
  /** A model with a loss below this limit knows the language. */
  limit: number;
  logprobs: number[];
  /** By how many nats a token of the text was likelier, at most, than the one that the device calls the likeliest; 0 on WASM. */
  shortfall: number;
  /** Time for each token, in ms. */
  msPerToken: number;
}

/** Scores SELF_TEST_TEXT, given in the model's tokens. Leaves the cache overwritten. */
export async function scoreSelfTest(decoder: Decoder, { vocab }: PhiConfig, ids: readonly number[]): Promise<Scored> {
  const started = performance.now();
  const { argmax, logprobs } = await scoreText(decoder, ids, 'short');
  const msPerToken = (performance.now() - started) / ids.length;
  return {
    nll: -logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length,
    limit: MOST_OF_CHANCE * Math.log(vocab),
    logprobs: [...logprobs],
    // WASM reads argmax and scores from the same float32 numbers, and the second pass takes seconds with a Phi.
    shortfall: decoder.facts.backend === 'wasm' ? 0 : await shortfallOf(decoder, ids, argmax, logprobs),
    msPerToken,
  };
}

/** See Scored. Scores the text's last tokens again. */
async function shortfallOf(
  decoder: Decoder,
  ids: readonly number[],
  argmax: Int32Array,
  logprobs: Float32Array,
): Promise<number> {
  const from = Math.max(0, logprobs.length - AGAIN_TOKENS);
  const targets = [...argmax.subarray(from, logprobs.length)];
  const { logprobs: best } = await scoreRows(decoder, ids.slice(0, -1), 'short', { from, targets });
  return Math.max(...best.map((value, i) => logprobs[from + i]! - value));
}

export interface ModelTest {
  scored: Scored;
  /** Log-probabilities to compare with at later loads. */
  logprobs: number[];
  /** Something to tell about the model. */
  note?: string;
}

/**
 * The model's own test. At the first load the text must be likelier than chance by far. Where it is not, the model may know no English (random
 * weights): then `reference`, log-probabilities of a decoder in plain float32, must be the same ('none': there is nothing left to turn to). Later loads score the beginning of it only, and
 * compare with `recorded`. Rejects with `backend` when the device computes wrongly.
 */
export async function testModel(
  decoder: Decoder,
  config: PhiConfig,
  ids: readonly number[],
  recorded: readonly number[] | undefined,
  reference: 'none' | (() => Promise<readonly number[] | null>),
): Promise<ModelTest> {
  if (recorded) {
    const scored = await scoreSelfTest(decoder, config, ids.slice(0, AGAIN_TOKENS));
    const drift = difference(scored.logprobs, recorded);
    assertChoice(scored);
    if (drift <= DRIFT) return { scored, logprobs: [...recorded] };
    throw wrong(
      `the scores of the text's first tokens differ by ${drift.toFixed(2)} nats from the first load (rounding explains at most ${DRIFT})`,
      scored,
    );
  }
  // Where nothing is left to turn to, the rest could only change a note, and takes seconds: such a model is large and on WASM.
  const scored = await scoreSelfTest(decoder, config, reference === 'none' ? ids.slice(0, AGAIN_TOKENS) : ids);
  const { nll, limit, logprobs } = scored;
  const figures = `a plain English text scored ${nll.toFixed(2)} nats a token (expected: below ${limit.toFixed(2)})`;
  if (!Number.isFinite(nll)) throw wrong(figures, scored);
  assertChoice(scored);
  if (nll < limit) return { scored, logprobs };
  if (reference === 'none')
    return {
      scored,
      logprobs,
      note: `${figures}. Either the model does not know English, or its file is damaged in a way that no check found.`,
    };
  const other = await reference();
  if (!other) throw wrong(figures, scored);
  if (difference(logprobs, other) > OTHER_FORM)
    throw wrong(`${figures}, and float32 on the CPU gives another score`, scored);
  return {
    scored,
    logprobs,
    note: `${figures}. Float32 on the CPU gives the same score, so the model itself does not know English.`,
  };
}

function assertChoice(scored: Scored): void {
  if (scored.shortfall > MOST_SHORTFALL)
    throw wrong(
      `the token that it calls the likeliest is ${scored.shortfall.toFixed(2)} nats less likely than another one`,
      scored,
    );
}

/** Mean absolute difference over what both have; NaN and infinity count as infinity. */
function difference(a: readonly number[], b: readonly number[]): number {
  const count = Math.min(a.length, b.length);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.abs(a[i]! - b[i]!);
  return Number.isFinite(sum) ? sum / count : Infinity;
}

const wrong = (what: string, { nll, limit }: Scored) =>
  new PhiError('backend', `Self-test: ${what}, so the device computes wrongly.`, {
    nll: Number.isFinite(nll) ? nll : null,
    limit,
  });
