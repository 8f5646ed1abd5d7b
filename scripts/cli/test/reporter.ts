/** Writes what the last lines of a run are made of, one record for each test, to the file that PHI_TEST_RECORDS names. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { ROOT } from '../../build/app.ts';
import type { TestRecord } from './summary.ts';

function record(test: TestCase, module: TestModule): TestRecord {
  const result = test.result();
  const diagnostic = test.diagnostic();
  return {
    file: relative(ROOT, module.moduleId),
    name: test.fullName,
    state: result.state === 'pending' ? 'skipped' : result.state,
    ms: diagnostic?.duration ?? 0,
    retries: diagnostic?.retryCount ?? 0,
    ...(result.state === 'skipped' && result.note !== undefined ? { note: result.note } : {}),
  };
}

export default class RecordReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const path = process.env.PHI_TEST_RECORDS;
    if (path === undefined) return;
    const records = modules.flatMap((module) => [...module.children.allTests()].map((test) => record(test, module)));
    writeFileSync(path, JSON.stringify(records));
  }
}
