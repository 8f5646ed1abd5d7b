/**
 * A bound on single arrays, for parsers that have none of their own: pdf.js unpacks a compressed stream into one array that doubles until it is
 * whole, and a PDF of a megabyte can unpack to gigabytes. Only for a worker that does nothing but read documents.
 */
import { ARRAY_BYTES } from './limits.ts';

export interface MemoryGuard {
  /** How many arrays were refused. A parser may swallow the error and go on with half of a stream. */
  readonly refused: number;
}

let installed: { refused: number; limit: number } | null = null;

/** Makes `new Uint8Array(bytes)` throw a RangeError above `limit` bytes, in this thread, for code that is loaded after the first call. */
export function guardMemory(limit = ARRAY_BYTES): MemoryGuard {
  if (installed) {
    installed.limit = limit;
    return installed;
  }
  const guard = { refused: 0, limit };
  const Original = Uint8Array;
  const Guarded: Uint8ArrayConstructor = new Proxy(Original, {
    construct(target, parameters: unknown[], newTarget: NewableFunction): Uint8Array {
      const [length] = parameters;
      if (typeof length === 'number' && length > guard.limit) {
        guard.refused++;
        throw new RangeError(`An array of ${length} bytes is beyond the limit of ${guard.limit}.`);
      }
      return Reflect.construct(target, parameters, newTarget === Guarded ? target : newTarget) as Uint8Array;
    },
  });
  globalThis.Uint8Array = Guarded;
  installed = guard;
  return guard;
}
