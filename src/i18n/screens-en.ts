/** English of the screens that are fetched when they are opened. */
import { compareEn } from './compare-en.ts';
import { diagnosticsEn } from './diagnostics-en.ts';
import { resultsEn } from './results-en.ts';

export const screensEn = { ...compareEn, ...diagnosticsEn, ...resultsEn } as const;
