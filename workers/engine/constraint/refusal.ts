import { PhiError } from '../../shared/errors.ts';

/** The part of a constraint that cannot be enforced, and its place. It is refused instead of dropped, so that a reply always meets the whole request. */
export function refuse(what: string): PhiError {
  return new PhiError('bad-request', `The form of the answer cannot be enforced: ${what}`);
}
