import { i18n, t } from '../i18n/screens.ts';
import { readToken } from './origin-trial.ts';

/** The purpose and the end date of a token, in the language of the page. */
export function describeToken(token: string, now = Date.now()): string {
  const read = readToken(token);
  if (!read) return t('trialWrong');
  const date = new Intl.DateTimeFormat(i18n.language, { dateStyle: 'medium' }).format(read.expires);
  const state = read.expires < now ? t('trialExpired', read.feature, date) : t('trialUntil', read.feature, date);
  const here = new URL(read.origin).host === location.host;
  return here ? state : `${state}. ${t('trialOtherSite', read.origin)}`;
}
