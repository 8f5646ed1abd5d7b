/** Runs Vitest with the reporters from which a run is counted and summed up. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countVitest, type Counts } from './counts.ts';
import { runTool } from './run-tool.ts';
import type { TestRecord } from './summary.ts';

export interface VitestResult {
  counts: Counts;
  records: TestRecord[];
}

/** Tests of `projects` in files whose path holds one of `filters`; without filters, all of them. */
export async function runVitest(
  projects: readonly string[],
  filters: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<VitestResult> {
  const scratch = await mkdtemp(join(tmpdir(), 'phi-test-'));
  try {
    const [report, records] = [join(scratch, 'report.json'), join(scratch, 'records.json')];
    const reporters = ['default', 'json', './scripts/cli/test/reporter.ts'].map((name) => `--reporter=${name}`);
    const chosen = projects.flatMap((name) => ['--project', name]);
    const command = ['vitest', 'run', ...chosen, ...reporters, `--outputFile.json=${report}`, ...filters];
    const status = await runTool(command, { ...env, PHI_TEST_RECORDS: records });
    const written = await readFile(records, 'utf8').catch(() => '[]');
    return {
      counts: countVitest(await readFile(report, 'utf8').catch(() => null), status),
      records: JSON.parse(written) as TestRecord[],
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
