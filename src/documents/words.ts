/** Words for documents, their pages and what of them was not read. */
import type { DocumentGap, PageUnit } from '../../workers/shared/document-types.ts';
import { i18n, t } from '../i18n/i18n.svelte.ts';
import { formatNumber } from '../ui/format.ts';

/** Page numbers that are named one by one. */
const NAMED = 12;

const figure = (count: number) => formatNumber(count, i18n.language);

/** "12 pages". */
export const pagesText = (unit: PageUnit, count: number): string => t(`count:${unit}`, count, figure(count));

/** "page 12". */
export const pageText = (unit: PageUnit, page: number): string => t(`at:${unit}`, figure(page));

/** "3, 5, 9 and 40 more". */
function listText(pages: readonly number[]): string {
  const named = pages.slice(0, NAMED).map(figure).join(', ');
  return pages.length > NAMED ? t('andMore', named, figure(pages.length - NAMED)) : named;
}

/** "Reading… 12": pages read so far. */
export const readingText = (done: number): string =>
  done > 0 ? t('documentReadingPage', figure(done)) : t('documentReading');

export function gapText(gap: DocumentGap, unit: PageUnit): string {
  if (gap.kind === 'cut' && gap.read === gap.total) return t('gapEnd');
  if (gap.kind === 'cut') return t('gapCut', figure(gap.read), pagesText(unit, gap.total));
  const { kind, pages } = gap;
  return t(kind === 'no-text' ? 'gapNoText' : 'gapUnreadable', pagesText(unit, pages.length), listText(pages));
}

/** Address of a document at a page (from 1), with a stretch of its text marked. An empty id: the list. */
export const documentHref = (id: string, page?: number, span?: { start: number; end: number }): string =>
  `#/documents${id === '' ? '' : `/${id}`}${page === undefined ? '' : `/${page}`}${span ? `/${span.start}-${span.end}` : ''}`;
