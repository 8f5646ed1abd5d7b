import { PhiError } from '../../shared/errors.ts';

/** How ONNX Runtime, its WebAssembly and the browser say that memory has run out. */
const SIGNS =
  /bad_alloc|out of memory|enlarge memory|memory allocation|array buffer allocation|failed to allocate|could not allocate/i;

/** `cause` as a PhiError, and as `out-of-memory` with `advice` where it is that. */
export function outOfMemory(cause: unknown, advice: string): PhiError {
  const error = PhiError.from(cause, 'backend');
  if (error.code !== 'backend' || !SIGNS.test(error.message)) return error;
  return new PhiError('out-of-memory', `${advice} (${error.message})`, undefined, { cause });
}
