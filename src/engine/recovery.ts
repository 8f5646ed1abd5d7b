/** Decides whether loading again can repair the loss of a backend or worker. */
import { isBackendFailure, type PhiError } from '../../workers/shared/errors.ts';
import type { EngineReport } from '../../workers/shared/protocol.ts';

/** Backends that one reply may lose. */
const MOST_RECOVERIES = 4;

/** Failures that another backend, or the same one in a new worker, may avoid. */
export const isMendable = (error: PhiError): boolean => error.code === 'worker-died' || isBackendFailure(error);

/** `losses`: how many backends or workers the reply has lost before. */
export const isFirstDeath = (error: PhiError, losses: number): boolean => error.code === 'worker-died' && losses === 0;

/** WASM is the last backend. Loading again only repairs the loss of its worker, and only once. */
export const canRecover = (error: PhiError, { backend }: EngineReport, losses: number): boolean =>
  losses < MOST_RECOVERIES && (backend === 'wasm' ? isFirstDeath(error, losses) : isMendable(error));
