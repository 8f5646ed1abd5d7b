/** The picture of the collection: a bar for each group, a whisker from the slowest machine to the fastest. */
import type { Bars } from '../compare/bars.ts';
import { figureWords, quantity } from '../compare/words.ts';
import { i18n, t } from '../i18n/screens.ts';
import { formatNumber } from '../ui/format.ts';
import type { Group } from './aggregate.ts';

export function groupBars(groups: readonly Group[]): Bars {
  const drawn = groups.filter(({ decode }) => decode !== null);
  const models = new Set(drawn.map(({ model }) => model));
  const nameOf = ({ name, model }: Group) => (models.size > 1 ? `${name}, ${model}` : name);
  return {
    title: t('chartDecode'),
    hint: t('chartMore'),
    rows: drawn.map(nameOf),
    series: [{ name: '', figures: drawn.map(({ decode }) => decode), wrong: drawn.map(() => false) }],
    value: quantity,
    words: (figure) =>
      t('resultsMachineCount', figureWords(figure), figure.rounds, formatNumber(figure.rounds, i18n.language)),
  };
}
