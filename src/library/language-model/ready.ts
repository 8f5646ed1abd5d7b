/** The download and the load behind `create()`, with the monitor that hears of it. */
import { unlessAborted } from '../../engine/abort.ts';
import { notSupported, throwIfAborted, toDomException } from './errors.ts';
import type { LanguageModelHost } from './host.ts';
import type { LanguageModelCreateOptions } from './types.ts';

/** `loaded` has been a fraction since 2024; browsers from before cut it down to a whole number. */
export function progressEvent(fraction: number): ProgressEvent {
  const event = new ProgressEvent('downloadprogress', { lengthComputable: true, loaded: fraction, total: 1 });
  return event.loaded === fraction ? event : Object.defineProperty(event, 'loaded', { value: fraction });
}

/** Downloads and loads; progress events go from 0 to 1, also where nothing had to come. */
export async function makeReady(host: LanguageModelHost, options: LanguageModelCreateOptions): Promise<number> {
  const { signal, monitor } = options;
  const target = new EventTarget();
  monitor?.(target);
  let last = -1;
  const report = (fraction: number): void => {
    if (fraction <= last || signal?.aborted) return;
    last = fraction;
    target.dispatchEvent(progressEvent(fraction));
  };
  try {
    if ((await host.availability()) === 'unavailable') throw notSupported('The model does not run in this browser.');
    report(0);
    const { contextLength } = await unlessAborted(host.ready(report, signal ?? new AbortController().signal), [signal]);
    report(1);
    return contextLength;
  } catch (cause) {
    throwIfAborted([signal]);
    throw toDomException(cause, 'create');
  }
}
