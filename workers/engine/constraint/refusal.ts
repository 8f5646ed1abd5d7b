import { PhiError } from '../../shared/errors.ts';

/** What of a constraint cannot be kept, and where it stands: refused rather than dropped, so that what is asked for is what is got. */
export function refuse(what: string): PhiError {
  return new PhiError('bad-request', `The form of the answer cannot be enforced: ${what}`);
}
