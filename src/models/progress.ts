import { online } from 'svelte/reactivity/window';
import type { Progress } from '../../workers/shared/protocol.ts';
import { i18n, t } from '../i18n/i18n.svelte.ts';
import { formatBytes, formatTimeLeft } from '../ui/format.ts';

/** A progress event in words, and as a share of 1 (null: the share is unknown). */
export interface ProgressLine {
  title: string;
  detail: string;
  share: number | null;
}

/**
 * The same for a download. Without a network it is tried again for a while, so the text explains why the figures stand
 * still.
 */
export function describeInstall(progress: Progress | null): ProgressLine {
  const line = describeProgress(progress);
  const fetching = progress === null || progress.phase === 'download' || progress.phase === 'retry';
  return fetching && online.current === false ? { ...line, detail: t('offlineTrying') } : line;
}

/** Empty below a second, and if it is unknown. */
const describeTimeLeft = (seconds: number | null): string =>
  seconds !== null && seconds >= 1 ? t('timeLeft', formatTimeLeft(seconds, i18n.language)) : '';

export function describeProgress(progress: Progress | null): ProgressLine {
  const language = i18n.language;
  if (!progress) return { title: t('starting'), detail: '', share: null };
  switch (progress.phase) {
    case 'retry':
      return { title: t('starting'), detail: t('serverTrying'), share: null };
    case 'download':
    case 'import': {
      const figures = [
        t('bytesOf', formatBytes(progress.bytesDone, language), formatBytes(progress.bytesTotal, language)),
      ];
      if (progress.bytesPerSecond > 0) figures.push(`${formatBytes(progress.bytesPerSecond, language)}/s`);
      const left = describeTimeLeft(progress.secondsLeft);
      if (left) figures.push(left);
      return {
        title: progress.phase === 'download' ? t('downloading') : t('importing'),
        detail: figures.join(' · '),
        share: progress.bytesTotal > 0 ? progress.bytesDone / progress.bytesTotal : null,
      };
    }
    case 'verify':
      return {
        title: t('verifying'),
        detail: t('bytesOf', formatBytes(progress.bytesDone, language), formatBytes(progress.bytesTotal, language)),
        share: progress.bytesTotal > 0 ? progress.bytesDone / progress.bytesTotal : null,
      };
    case 'prepare':
      return {
        title: t('preparing'),
        detail: describeTimeLeft(progress.secondsLeft),
        share: progress.total > 0 ? progress.done / progress.total : null,
      };
    case 'compile':
      return { title: t('compiling'), detail: progress.what, share: null };
    case 'warm-up':
      return { title: t('warmingUp'), detail: '', share: null };
  }
}
