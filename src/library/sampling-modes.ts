/** The sampling modes of the Prompt API in this engine's numbers, chosen for Phi and models of its size. */
import type { Sampling } from '../../workers/shared/protocol.ts';
import type { LanguageModelSamplingMode } from './language-model/types.ts';

const PLAIN = { topK: 0, minP: 0, repetitionPenalty: 1 };

export const MODES: Readonly<Record<LanguageModelSamplingMode, Omit<Sampling, 'seed'>>> = {
  'most-predictable': { ...PLAIN, temperature: 0, topP: 1 },
  predictable: { ...PLAIN, temperature: 0.3, topP: 0.9 },
  balanced: { ...PLAIN, temperature: 0.7, topP: 0.95 },
  creative: { ...PLAIN, temperature: 1, topP: 0.95 },
  'most-creative': { ...PLAIN, temperature: 1.3, topP: 0.98 },
};
