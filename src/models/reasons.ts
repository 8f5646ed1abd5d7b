import type { Reason, Verdict } from '../../workers/shared/advisor/fit.ts';
import type { BackendId } from '../../workers/shared/protocol.ts';
import { i18n, t } from '../i18n/i18n.svelte.ts';
import { formatBytes, formatNumber, formatRate } from '../ui/format.ts';
import { BACKENDS } from './backends.ts';

/** Why a model does not fit, or what a person should know if it does, in the language of the page. */
export function reasonText(reason: Reason): string {
  const size = (bytes: number) => formatBytes(bytes, i18n.language);
  switch (reason.key) {
    case 'wasm-limit':
    case 'ios-limit':
    case 'memory':
    case 'memory-unsure':
    case 'storage':
      return t(`fit:${reason.key}`, size(reason.needs), size(reason.has));
    case 'gpu-unsure':
      return t('fit:gpu-unsure', size(reason.needs));
    case 'gpu-context':
      return t('fit:gpu-context', size(reason.needs), size(reason.has), formatNumber(reason.tokens, i18n.language));
    case 'own-context':
      return t('fit:own-context', formatNumber(reason.tokens, i18n.language));
    case 'stages':
      return t('fit:stages', formatNumber(reason.stages, i18n.language));
    case 'pace':
    case 'slow':
      return t(`fit:${reason.key}`, formatRate(reason.tokensPerSecond, i18n.language));
    case 'no-webgpu':
    case 'no-webnn':
    case 'experts':
    case 'webnn-trial':
    case 'software-gpu':
    case 'one-thread':
      return t(`fit:${reason.key}`);
  }
}

export function verdictText(verdict: Verdict, backend: BackendId): string {
  if (verdict === 'no') return t('fitNo');
  return verdict === 'fits' ? t('fitYes', BACKENDS[backend]) : t('fitUnsure', BACKENDS[backend]);
}
