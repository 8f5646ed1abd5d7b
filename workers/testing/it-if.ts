import { describe, it, type TestAPI } from 'vitest';

/**
 * `it` if `on`. Otherwise the test is not part of this run, and does not count as skipped. For long runs, and for
 * inputs beside the repository that add to what the repository's own inputs show. What cannot run for lack of means is
 * skipped with its reason: `({ skip }) => skip(absent, why)`.
 */
export function itIf(on: boolean): TestAPI {
  const nothing = (): undefined => undefined;
  return on ? it : (Object.assign(nothing, { for: () => nothing, each: () => nothing }) as unknown as TestAPI);
}

/** The same for a suite: an empty one would be an error. */
export const describeIf = (on: boolean): ((name: string, tests: () => void) => void) =>
  on ? (name, tests) => void describe(name, tests) : () => undefined;
