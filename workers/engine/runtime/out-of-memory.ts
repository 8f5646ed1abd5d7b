import { PhiError } from '../../shared/errors.ts';

/** Recognises the errors by which ONNX Runtime, its WebAssembly and the browser report that memory has run out. */
const SIGNS =
  /bad_alloc|out of memory|enlarge memory|memory allocation|array buffer allocation|failed to allocate|could not allocate/i;

/** `cause` as a PhiError. If memory has run out, it is `out-of-memory` with `advice`. */
export function outOfMemory(cause: unknown, advice: string): PhiError {
  const error = PhiError.from(cause, 'backend');
  if (error.code !== 'backend' || !SIGNS.test(error.message)) return error;
  return new PhiError('out-of-memory', `${advice} (${error.message})`, undefined, { cause });
}
