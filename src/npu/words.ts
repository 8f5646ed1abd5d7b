/** Estimates in words, in the language of the page. */
import { i18n, t } from '../i18n/screens.ts';
import { formatDuration, formatNumber, formatRate } from '../ui/format.ts';
import { ESTIMATES, GENERATION_NAMES, type EstimateRow } from './estimates.ts';

export function decodeText({ whole, decode }: EstimateRow): string {
  if (!whole) return t('npuRefused');
  return decode === null ? t('npuNoEstimate') : formatRate(decode, i18n.language);
}

export const firstText = ({ firstMs }: EstimateRow): string =>
  firstMs === null ? '–' : formatDuration(firstMs, i18n.language);

/** "Estimated by Intel's compiler …": stands beside every figure of the table. */
export function sourceText(rows: readonly EstimateRow[]): string {
  const { date, intel, qualcomm, slots } = ESTIMATES;
  const day = new Date(date).toLocaleDateString(i18n.language, { dateStyle: 'medium', timeZone: 'UTC' });
  const source = t('npuSource', intel, day, formatNumber(slots, i18n.language));
  return rows.some(({ generation }) => generation === 'hexagon-v73')
    ? `${source} ${t('npuQualcomm', qualcomm)}`
    : source;
}

/** For a report that is copied as text. */
export const estimateLines = (rows: readonly EstimateRow[]): string[] =>
  rows.length === 0
    ? []
    : [
        sourceText(rows),
        ...rows.map(
          (row) =>
            `${GENERATION_NAMES[row.generation]}, ${row.form}: ${t('npuDecode')}: ${decodeText(row)}; ${t('npuFirst')}: ${firstText(row)}`,
        ),
      ];
