/** The most likely token at every step: the same tokens every time, for code that tests, times or compares a model. */
import type { Sampling } from './protocol.ts';

export const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0 };
