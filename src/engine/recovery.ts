/** What of a lost backend or worker can be mended by loading again. */
import { isBackendFailure, type PhiError } from '../../workers/shared/errors.ts';
import type { EngineReport } from '../../workers/shared/protocol.ts';

/** Backends that one reply may lose. */
const MOST_RECOVERIES = 4;

/** What another backend, or the same in a fresh worker, may do better. */
export const isMendable = (error: PhiError): boolean => error.code === 'worker-died' || isBackendFailure(error);

/** `losses`: what the reply has lost before. */
export const isFirstDeath = (error: PhiError, losses: number): boolean => error.code === 'worker-died' && losses === 0;

/** WASM is the last backend: nothing but the loss of its worker is mended by loading again, and that once. */
export const canRecover = (error: PhiError, { backend }: EngineReport, losses: number): boolean =>
  losses < MOST_RECOVERIES && (backend === 'wasm' ? isFirstDeath(error, losses) : isMendable(error));
