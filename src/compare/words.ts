/** Figures and machines in words, in the language of the page. */
import { i18n, t } from '../i18n/screens.ts';
import { formatDuration, formatNumber } from '../ui/format.ts';
import { decimals, type Figure, type Ratio } from './figure.ts';
import type { Headline } from './headline.ts';
import { programLine, type CompareResult, type Measured, type Row } from './result.ts';

/** The same in every language. */
export const KIND_NAMES = { npu: 'NPU', gpu: 'GPU', cpu: 'CPU' } as const;

export function machineLine({ machine }: CompareResult): string {
  const cores = machine.cores && t('machineCores', machine.cores, formatNumber(machine.cores, i18n.language));
  return [machine.browser, machine.system, machine.adapter, cores].filter(Boolean).join(', ');
}

/** "2026-11-24T10:00Z" -> "Nov 24, 2026" */
export const dayOf = (date: string): string =>
  new Date(date).toLocaleDateString(i18n.language, { dateStyle: 'medium' });

/** Model, machine, program and day. `machine: false`: the machine's name stands above the line already. */
export const resultLine = (result: CompareResult, { machine = true } = {}): string =>
  [result.model.name, machine && machineLine(result), programLine(result), dayOf(result.date)]
    .filter(Boolean)
    .join(' · ');

/** "WebNN NPU, int8", "Ollama, phi4-mini". */
export const rowName = (row: Row): string => (row.form === 'auto' ? row.label : `${row.label}, ${row.form}`);

/** Milliseconds or tokens a second. */
export const quantity = (value: number, digits = decimals(value)): string => formatNumber(value, i18n.language, digits);
export const figureWords = ({ median, spread }: Figure): string =>
  `${quantity(median)} ± ${quantity(spread / 2, decimals(median))}`;
/** How far the rounds lie apart, as a part of their median. */
export const spreadShare = ({ median, spread }: Figure): number => (median > 0 ? spread / median : 1);
export const timeOf = (ms: number): string => formatDuration(ms, i18n.language);
export const percent = (share: number): string =>
  `${formatNumber(100 * share, i18n.language, share === 1 ? 0 : 1)}\u00a0%`;

/** "0.29 times (0.28 to 0.31)". */
export function timesWords({ value, low, high }: Ratio): string {
  const number = (value: number) => formatNumber(value, i18n.language, value < 10 ? 2 : 0);
  return t('headlineTimes', number(value), number(low), number(high));
}

/** The sentence at the top, and what has to be said besides it. */
export function headlineWords(headline: Headline): string[] {
  if (headline.kind === 'none') return [t('headlineNone')];
  const unsteady = headline.unsteady ? [t('headlineUnsteady')] : [];
  const name = (row: Measured) => KIND_NAMES[row.kind!];
  if (headline.kind === 'alone') {
    const { row } = headline;
    const noNpu = row.kind === 'npu' ? [] : [t('headlineNoNpu')];
    return [
      t('headlineAlone', name(row), rowName(row), quantity(row.decodeTokensPerSecond!.median)),
      ...noNpu,
      ...unsteady,
    ];
  }
  const { first, second, decode, prefill } = headline;
  const sentence = t(
    'headlinePair',
    name(first),
    rowName(first),
    name(second),
    rowName(second),
    timesWords(decode),
    timesWords(prefill),
  );
  return [sentence, ...(first.kind === 'npu' ? [] : [t('headlineNoNpu')]), ...unsteady];
}
