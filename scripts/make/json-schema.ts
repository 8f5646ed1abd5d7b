import { toJsonSchema } from '@valibot/to-json-schema';
import { FORMAT, ResultSchema, VERSION } from '../../src/compare/result.ts';

/** The result of the compare page as a JSON Schema (draft-07). */
export const compareJsonSchema = (): object => ({
  title: `${FORMAT} version ${VERSION}`,
  // JSON has no infinite numbers: what else `finite` says cannot be said here, and need not.
  ...toJsonSchema(ResultSchema, { ignoreActions: ['finite'] }),
});
