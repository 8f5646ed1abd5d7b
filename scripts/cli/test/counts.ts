export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The fields of Vitest's JSON report that are summed. */
interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
}

/**
 * Counts of one Vitest run. A run that broke outside a test (a file that does not import, an unhandled rejection, no report at all)
 * has an exit status but no failed test: it counts as one failure. So does a run without any test.
 */
export function countVitest(report: string | null, status: number): Counts {
  if (report === null) return { passed: 0, failed: 1, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(report) as VitestReport;
  const broken = numFailedTests === 0 && (status !== 0 || numPassedTests === 0);
  return { passed: numPassedTests, failed: broken ? 1 : numFailedTests, skipped: numPendingTests + numTodoTests };
}
