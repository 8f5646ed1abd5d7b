/** The data of a chart: rows of all machines side by side. */
import { i18n, t } from '../i18n/screens.ts';
import { formatNumber } from '../ui/format.ts';
import type { Shown } from './compare.svelte.ts';
import type { Figure } from './figure.ts';
import { isSound } from './headline.ts';
import { measuredRows, type Measured } from './result.ts';
import { figureWords, machineLine, quantity, rowName } from './words.ts';

export type Metric = 'decodeTokensPerSecond' | 'prefillTokensPerSecond' | 'ttftMs';

export interface Bars {
  title: string;
  /** Which end is the good one. */
  hint: string;
  rows: string[];
  series: { name: string; figures: (Figure | null)[]; wrong: boolean[] }[];
  /** A median as it stands beside its bar. */
  value: (value: number) => string;
  words: (figure: Figure) => string;
}

export const METRICS: readonly Metric[] = ['decodeTokensPerSecond', 'prefillTokensPerSecond', 'ttftMs'];

export function barsOf(metric: Metric, shown: readonly Shown[]): Bars {
  const number = (value: number) => formatNumber(value, i18n.language);
  const tokens = number(shown[0]!.result.settings.headlineTokens);
  // A row of another model is no bar beside the others.
  const measured = shown.map(({ result }) => measuredRows(result).filter(({ otherModel }) => !otherModel));
  const rows = [...new Set(measured.flat().map(rowName))];
  const at = (list: Measured[], name: string) => list.find((row) => rowName(row) === name);
  return {
    title:
      metric === 'ttftMs'
        ? t('chartTtft', tokens)
        : metric === 'prefillTokensPerSecond'
          ? t('chartPrefill', tokens)
          : t('chartDecode'),
    hint: metric === 'ttftMs' ? t('chartLess') : t('chartMore'),
    rows,
    series: shown.map(({ result, own }, i) => ({
      name: own ? t('machineThis') : machineLine(result),
      figures: rows.map((name) => at(measured[i]!, name)?.[metric] ?? null),
      wrong: rows.map((name) => !isSound(at(measured[i]!, name) ?? { agreement: null })),
    })),
    value: quantity,
    words: (figure) => t('tableRounds', figureWords(figure), figure.rounds, number(figure.rounds)),
  };
}
