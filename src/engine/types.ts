/** What the engine's callers see of its jobs. Types only, so that the library's types stand without the worker. */
import type { PhiError } from '../../workers/shared/errors.ts';
import type { EngineReport, GenerateEvent, Progress } from '../../workers/shared/protocol.ts';

export interface JobOptions {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/** Everything but `error`, which `Engine.generate` throws. */
export type GenerateUpdate = Exclude<GenerateEvent, { type: 'error' }>;

/** How the engine comes back from a lost backend or worker in the middle of a reply. */
export type Recovery =
  | { kind: 'loading'; progress: Progress | null }
  | { kind: 'ready'; report: EngineReport }
  | { kind: 'failed'; error: PhiError };
