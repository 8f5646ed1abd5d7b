/**
 * Errors in the language of the page. Messages come from the worker in English, exact to the file, the figure and the byte; another language has
 * words for the code (what happened and what to do), and shows the message beside them.
 */
import type { ErrorShape } from '../../workers/shared/errors.ts';
import { i18n, t } from './i18n.svelte.ts';

export interface ErrorWords {
  heading: string;
  text: string;
  /** The exact message, in English, where `text` is in another language. */
  original: string | null;
}

export function explainError({ code, message }: ErrorShape): ErrorWords {
  const help = i18n.errorHelp?.[code];
  return { heading: t(`error:${code}`), text: help ?? message, original: help === undefined ? null : message };
}

/**
 * The same in one line, for places with little space. `lead`: the action that failed, in place of the code's own
 * heading.
 */
export function errorLine(error: ErrorShape, lead?: string): string {
  const { heading, original } = explainError(error);
  return original === null ? error.message : t('errorLine', lead ?? heading, original);
}
