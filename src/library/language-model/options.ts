/** "Validate and canonicalize language model options" of the Prompt API, and what this model can do of them. */
import type { Sampling } from '../../../workers/shared/protocol.ts';
import { MODES } from '../sampling-modes.ts';
import {
  SAMPLING_MODES,
  type LanguageModelCreateCoreOptions,
  type LanguageModelMessageType,
  type LanguageModelParams,
  type LanguageModelSamplingMode,
} from './types.ts';

export const PARAMS: LanguageModelParams = Object.freeze({
  defaultTopK: 40,
  maxTopK: 256,
  defaultTemperature: 0.7,
  maxTemperature: 2,
});

export interface SessionSampling {
  mode: LanguageModelSamplingMode;
  sampling: Omit<Sampling, 'seed'>;
}

/** @param raw `topK` and `temperature` count, as they do for extensions */
export function samplingOf(options: LanguageModelCreateCoreOptions, raw: boolean): SessionSampling {
  const { samplingMode, topK, temperature } = options;
  if (samplingMode !== undefined && !SAMPLING_MODES.includes(samplingMode))
    throw new TypeError(`"${String(samplingMode)}" is not a sampling mode. Use one of: ${SAMPLING_MODES.join(', ')}.`);
  const mode = samplingMode ?? 'balanced';
  const sampling = MODES[mode];
  if (!raw || (topK === undefined && temperature === undefined)) return { mode, sampling };
  if (samplingMode !== undefined) throw new TypeError('Give a samplingMode, or topK and temperature, not both.');
  if (topK === undefined || temperature === undefined) throw new TypeError('Give topK and temperature together.');
  if (!(topK >= 1)) throw new RangeError('topK must be at least 1.');
  if (!(temperature >= 0)) throw new RangeError('temperature must be at least 0.');
  return {
    mode,
    sampling: {
      ...sampling,
      topP: 1,
      topK: Math.floor(Math.min(topK, PARAMS.maxTopK)),
      temperature: Math.min(temperature, PARAMS.maxTemperature),
    },
  };
}

const INPUTS: readonly LanguageModelMessageType[] = ['text', 'tool-response'];
const OUTPUTS: readonly LanguageModelMessageType[] = ['text', 'tool-call'];

/**
 * The first requested feature that this model lacks, in words; null: none. Languages are checked for their spelling
 * only: a Phi reads and writes many, better or worse, and refuses none.
 * @throws RangeError for a tag that is not BCP 47
 */
export function unsupported({ expectedInputs, expectedOutputs }: LanguageModelCreateCoreOptions): string | null {
  for (const [known, expected, verb] of [
    [INPUTS, expectedInputs, 'reads'],
    [OUTPUTS, expectedOutputs, 'writes'],
  ] as const) {
    for (const { type, languages } of expected ?? []) {
      Intl.getCanonicalLocales(languages ?? []);
      if (!known.includes(type)) return `This model ${verb} text only, not "${type}".`;
    }
  }
  return null;
}
