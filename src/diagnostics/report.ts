import type { EngineReport } from '../../workers/shared/protocol.ts';
import { i18n, t } from '../i18n/screens.ts';
import { BACKENDS, deviceOf } from '../models/backends.ts';
import type { ModelPhase } from '../models/model-session.svelte.ts';
import { pageTokens } from './origin-trial.ts';
import { describeToken } from './trial-text.ts';
import { formatBytes, formatDuration, formatNumber } from '../ui/format.ts';

export interface Row {
  label: string;
  value: string;
}

/** The engine's report in words. */
export function engineRows(report: EngineReport): Row[] {
  const language = i18n.language;
  const time = (ms: number) => formatDuration(ms, language);
  const number = (value: number) => formatNumber(value, language);
  return [
    { label: t('model'), value: report.name },
    { label: t('backend'), value: BACKENDS[report.backend] },
    { label: t('device'), value: deviceOf(report) },
    {
      label: t('asked'),
      value: [
        report.asked.backend === 'auto' ? t('backendAuto') : BACKENDS[report.asked.backend],
        report.asked.device?.toUpperCase(),
        report.asked.power,
      ]
        .filter(Boolean)
        .join(', '),
    },
    { label: t('weightForm'), value: report.form },
    ...(report.weightError
      ? [{ label: t('weightError'), value: `${formatNumber(report.weightError * 100, language, 1)} %` }]
      : []),
    ...(report.selfTest
      ? [
          {
            label: t('selfTest'),
            value: t(
              'selfTestValue',
              formatNumber(report.selfTest.nll, language, 2),
              formatNumber(report.selfTest.limit, language, 2),
            ),
          },
        ]
      : []),
    { label: t('graphs'), value: number(report.graphs) },
    { label: t('nodesOnWasm'), value: number(report.nodesOnWasm) },
    { label: t('threads'), value: number(report.threads) },
    ...(report.singleTokens === undefined
      ? []
      : [
          {
            label: t('singleTokens'),
            value:
              typeof report.singleTokens === 'number'
                ? t('singleTokensOn', report.singleTokens)
                : t('singleTokensSlow', report.singleTokens.slow),
          },
        ]),
    { label: t('contextLength'), value: t('contextOf', number(report.contextLength), number(report.modelContext)) },
    { label: t('memoryHeld'), value: formatBytes(report.bytesHeld, language) },
    ...(report.notes ?? []).map((value) => ({ label: t('notes'), value })),
    {
      label: t('loadTime'),
      value: t('loadTimes', time(report.loadMs), time(report.prepareMs), time(report.compileMs), time(report.warmUpMs)),
    },
  ];
}

/** The browser's facts that matter for speed. */
export function environmentRows(): Row[] {
  const yesNo = (value: boolean) => (value ? t('yes') : t('no'));
  return [
    { label: t('userAgent'), value: navigator.userAgent },
    { label: t('cores'), value: String(navigator.hardwareConcurrency) },
    { label: t('isolated'), value: yesNo(crossOriginIsolated) },
    { label: 'WebGPU', value: yesNo('gpu' in navigator) },
    { label: 'WebNN', value: yesNo('ml' in navigator) },
    { label: t('jspi'), value: yesNo('Suspending' in WebAssembly) },
    {
      label: t('trials'),
      value:
        pageTokens()
          .map((token) => describeToken(token))
          .join('; ') || t('trialNone'),
    },
  ];
}

/** The whole report for an issue or a mail. */
export function toPlainText(
  environment: Row[],
  [engine, npu]: [Row[], string[]],
  rejected: EngineReport['rejected'],
  phase: ModelPhase,
  advice: string[],
): string {
  const lines = (rows: Row[]) => rows.map(({ label, value }) => `${label}: ${value}`);
  const failure =
    phase.kind === 'failed' ? [`${phase.while}: ${phase.error.code}: ${phase.error.message}`] : [phase.kind];
  return [
    ...failure,
    '',
    ...lines(engine),
    '',
    ...(npu.length > 0 ? [...npu, ''] : []),
    ...rejected.map(({ what, why }) => `${what}: ${why}`),
    '',
    ...advice,
    '',
    ...lines(environment),
  ].join('\n');
}
