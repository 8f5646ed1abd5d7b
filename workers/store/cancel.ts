import { PhiError } from '../shared/errors.ts';
import { pause as pauseFor } from '../shared/pause.ts';

const MESSAGE = 'Cancelled. Complete parts stay stored.';

/**
 * Unlike the signal's own `throwIfAborted`, it always throws `cancelled`, although the reason of a time limit has
 * another name.
 */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new PhiError('cancelled', MESSAGE);
}

export const pause = (ms: number, signal: AbortSignal): Promise<void> => pauseFor(ms, signal, MESSAGE);
