/** `npm run test:long [-- GROUP...]`: what takes too long for `npm test`, or needs an idle machine. `npm run test:GROUP -- FILTER` takes the files whose path holds FILTER. */
import { fetchFirefox } from '../../../e2e/support/firefox.ts';
import { summary, type StepTime, type TestRecord } from './summary.ts';
import { runVitest } from './vitest-run.ts';

interface Group {
  projects: readonly string[];
  files: readonly string[];
  env: Record<string, string>;
  /** Fetches what the tests need. */
  prepare?: (say: (line: string) => void) => Promise<void>;
}

const GROUPS: Readonly<Record<string, Group>> = {
  /** Every kind of model, format and form on every backend of the browser; memory of a load. Hours of SwiftShader. */
  backends: {
    projects: ['browser', 'long'],
    files: ['e2e/web', 'e2e/recovery', 'e2e/starter', 'e2e/drafts', 'e2e/long/memory'],
    env: { PHI_MATRIX: 'all' },
  },
  /** Kills the browser thirty times in the middle of things, loses devices, opens and closes tabs; hostile text everywhere; 100 MB of chats. */
  faults: {
    projects: ['browser', 'long'],
    files: ['e2e/faults/', 'e2e/long/hostile', 'e2e/long/tabs', 'e2e/long/large-import', 'e2e/long/compare-'],
    env: { PHI_KILLS: '30', PHI_CYCLES: '20', PHI_TAB_STEPS: '100' },
  },
  /** ONNX Runtime without our tricks: which of them are still needed? After each change of its version or the browser's. */
  quirks: { projects: ['long'], files: ['e2e/long/ort-quirks'], env: {} },
  /** Firefox: the system's, or Debian's. */
  browsers: { projects: ['long'], files: ['e2e/long/firefox'], env: {}, prepare: fetchFirefox },
  /** Times against a stopwatch outside of the page, and speed in Node. An idle machine. */
  timing: {
    projects: ['unit', 'timing', 'browser'],
    files: ['.timing.', 'jinja', 'hostile', 'added-tokens', 'server/chat', 'markdown', 'e2e/compare.test'],
    env: { PHI_TIMING: '1' },
  },
  /** 5,000 generated Markdown documents, each shown within a second. */
  text: { projects: ['ui'], files: ['e2e/ui/text'], env: { PHI_DOCUMENTS: '5000', PHI_TIMING: '1' } },
  /** A long chat with the starter after a reload: kept cache against reading. */
  caches: { projects: ['long'], files: ['e2e/long/kept-caches'], env: {} },
  /** 1,000 random schemas with models in the loop, 50 of them on each backend. In parts: `PHI_SLICE=2/10`. */
  schemas: {
    projects: ['long', 'browser'],
    files: ['e2e/long/schemas', 'e2e/structured'],
    env: { PHI_SCHEMAS: process.env['PHI_SCHEMAS'] ?? '1000' },
  },
  /** One tab answers for hours. */
  soak: {
    projects: ['long'],
    files: ['e2e/long/soak'],
    env: { PHI_TURNS: '500', PHI_TOKENS: '150', PHI_DECODED: '150000' },
  },
};

const args = process.argv.slice(2);
const named = args.filter((arg) => arg in GROUPS);
const filters = args.filter((arg) => !(arg in GROUPS));
const times: StepTime[] = [];
const records: TestRecord[] = [];
let failed = 0;
for (const name of named.length > 0 ? named : Object.keys(GROUPS)) {
  const { projects, files, env, prepare } = GROUPS[name]!;
  console.log(`\n--- ${name}`);
  await prepare?.(console.log).catch((cause: unknown) => console.error(`It could not be fetched: ${String(cause)}`));
  const start = performance.now();
  const result = await runVitest(projects, filters.length > 0 ? filters : files, env);
  times.push({ name, ms: performance.now() - start });
  records.push(...result.records);
  failed += result.counts.failed;
}
for (const line of summary(times, records)) console.log(line);
const count = (state: TestRecord['state']): number => records.filter((record) => record.state === state).length;
console.log(`\n${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`);
process.exitCode = failed > 0 ? 1 : 0;
