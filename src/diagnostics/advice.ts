/** Advice for common problems, from the reports of the engine and the browser. It consists of keys; the page puts them into words. */
import type { ErrorShape } from '../../workers/shared/errors.ts';
import type { EngineReport } from '../../workers/shared/protocol.ts';
import { REASONS } from '../../workers/shared/reasons.ts';

export type Advice =
  'webnn-flag' | 'token-expired' | 'npu' | 'windows' | 'driver' | 'software-gpu' | 'memory' | 'isolation' | 'not-back';

export interface Surroundings {
  /** `navigator.ml` and `navigator.gpu` are there. */
  webnn: boolean;
  webgpu: boolean;
  isolated: boolean;
  /** A browser that has WebNN behind a flag. */
  chromium: boolean;
  /** `platformVersion` of the user-agent hints on Windows: 19 and more is Windows 11 24H2; null on other systems, or if the browser does not report it. */
  windows: number | null;
  /** A token of the page has expired. */
  expired: boolean;
}

const WINDOWS_11_24H2 = 19;

export function advise(report: EngineReport | null, error: ErrorShape | null, here: Surroundings): Advice[] {
  const reasons = [...(report?.rejected.map(({ what, why }) => `${what}: ${why}`) ?? []), error?.message ?? ''];
  const said = (...phrases: string[]) => reasons.some((reason) => phrases.some((phrase) => reason.includes(phrase)));
  const advice: Advice[] = [];
  const add = (key: Advice, holds: boolean) => holds && advice.push(key);
  add('token-expired', here.expired && !here.webnn);
  add('webnn-flag', here.chromium && !here.webnn);
  add('windows', here.windows !== null && here.windows < WINDOWS_11_24H2);
  add('npu', said(REASONS.notTheNpu));
  add('driver', !here.webgpu || said(REASONS.noAdapter, REASONS.noDevice, REASONS.deviceLost));
  add('software-gpu', said(REASONS.software));
  add(
    'memory',
    error?.code === 'out-of-memory' ||
      reasons.some((reason) => /out of memory|memory could not/i.test(reason)) ||
      said(REASONS.loadMemory),
  );
  add('not-back', said(REASONS.notBack));
  add('isolation', !here.isolated);
  return advice;
}

/** The facts that this page can see about its browser. */
export async function lookAround(expired: boolean): Promise<Surroundings> {
  const { userAgentData } = navigator as Navigator & {
    userAgentData?: { platform: string; getHighEntropyValues(hints: string[]): Promise<{ platformVersion?: string }> };
  };
  const windows = userAgentData?.platform === 'Windows';
  const version = windows
    ? parseInt((await userAgentData.getHighEntropyValues(['platformVersion'])).platformVersion ?? '', 10)
    : NaN;
  return {
    webnn: 'ml' in navigator,
    webgpu: 'gpu' in navigator,
    isolated: crossOriginIsolated,
    chromium: userAgentData !== undefined,
    windows: Number.isNaN(version) ? null : version,
    expired,
  };
}
