import type { Sampling } from '../../workers/shared/protocol.ts';

const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 };

/** Ways of choosing a token: the random models' flat distributions are the hardest for those without top-k. */
export const SAMPLING = {
  greedy: GREEDY,
  nucleus: { ...GREEDY, temperature: 1, topP: 0.95 },
  penalty: { ...GREEDY, temperature: 0.8, topK: 40, minP: 0.05, repetitionPenalty: 1.2 },
} as const satisfies Record<string, Sampling>;
