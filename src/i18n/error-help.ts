import type { ErrorCode } from '../../workers/shared/errors.ts';

/** What each kind of error means and what to do about it. */
export type ErrorHelp = Readonly<Record<ErrorCode, string>>;
