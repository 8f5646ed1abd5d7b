/** Whether a backend computes this model rightly on this device: drivers that overflow or miscompile give fluent nonsense, not errors. */
import type { PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../errors.ts';
import { scoreText } from '../generate/score.ts';
import type { Decoder } from './types.ts';

/** Ordinary English, our own: every language model finds it far likelier than chance. */
export const SELF_TEST_TEXT =
  'When the rain stopped, the children ran out of the house and looked at the river. It had risen during the night, and the small bridge near the mill was under water.';

/** Of ln(vocabulary), the loss of a model that knows nothing. */
const MOST_OF_CHANCE = 0.6;

/**
 * Scores `ids` (SELF_TEST_TEXT in the model's tokens). Resolves with the mean negative log-likelihood in nats; rejects with `backend` when it is not
 * finite or no better than `MOST_OF_CHANCE` of chance. Leaves the cache from slot 0 on overwritten.
 */
export async function selfTest(decoder: Decoder, config: PhiConfig, ids: readonly number[]): Promise<number> {
  const { logprobs } = await scoreText(decoder, ids, 'short');
  const nll = -logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length;
  const limit = MOST_OF_CHANCE * Math.log(config.vocab);
  if (Number.isFinite(nll) && nll < limit) return nll;
  throw new PhiError(
    'backend',
    `Self-test: a plain English text scored ${nll.toFixed(2)} nats a token where below ${limit.toFixed(2)} is expected: the device computes wrongly.`,
    {
      nll,
      limit,
    },
  );
}
