import type { ErrorCode } from '../../workers/shared/errors.ts';

/** The meaning of each kind of error, and what to do about it. */
export type ErrorHelp = Readonly<Record<ErrorCode, string>>;
