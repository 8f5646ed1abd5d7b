/**
 * `npm run bench:first-minute`: the built app as a new person meets it. Each round has a fresh profile: the page opens, the starter is downloaded from
 * this machine, and the clock runs from the last byte of it to "ready"; then the page is loaded again. Prints where the seconds go.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright';
import { DIST, ensureBuilt } from '../scripts/build/app.ts';
import { serve, type RunningServer } from '../scripts/build/server.ts';
import { launch } from '../scripts/cli/browser/launch.ts';
import { cpuTimes, othersShare } from './contention.ts';
import { machineName } from './site.ts';
import { seconds, spansOf, spanTable, type Span } from './spans.ts';

const USAGE = 'npm run bench:first-minute -- [--rounds 3] [--browser PATH] [--gpu] [--trace FILE] [--json FILE]';
const PATIENCE_MS = 120_000;
const POLL_MS = 100;
/** After "ready", made weights are stored for the next visit. */
const KEEP_MS = 8_000;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    browser: { type: 'string' },
    /** WebGPU on software and WebNN on LiteRT, as `npm test` has them; else only WASM is left. */
    gpu: { type: 'boolean', default: false },
    /** A trace of the first round for chrome://tracing or DevTools, with samples of the processor. */
    trace: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});

interface Visit {
  readyMs: number;
  /** First visit: from the first byte of a shard to the last. */
  downloadMs?: number;
  /** Of the processor, what other programs had meanwhile. */
  others: number;
  spans: Span[];
}

/** Times of shards as the server sees them, ms since 1970. */
class ShardClock {
  first = Infinity;
  last = -Infinity;

  serve(): Promise<RunningServer> {
    return serve({
      root: DIST,
      intercept: (request, response) => {
        if (!/\.gguf\.\d+$/.test(request.url ?? '')) return false;
        this.first = Math.min(this.first, Date.now());
        response.on('finish', () => (this.last = Math.max(this.last, Date.now())));
        return false;
      },
    });
  }
}

/** Waits until the page says "ready", and reads all spans relative to `zero()`. */
async function untilReady(page: Page, zero: () => number): Promise<Pick<Visit, 'readyMs' | 'spans'>> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await page.evaluate(() => performance.getEntriesByName('phi: ready').length > 0))) {
    if (performance.now() > deadline) throw new Error(`Not ready after ${PATIENCE_MS / 1000} s.`);
    await page.waitForTimeout(POLL_MS);
  }
  const spans = await spansOf(page, zero());
  return { readyMs: spans.find(({ name }) => name === 'ready')!.from, spans };
}

async function measured(visit: () => Promise<Omit<Visit, 'others'>>): Promise<Visit> {
  const before = cpuTimes();
  const result = await visit();
  const after = cpuTimes();
  return { ...result, others: before && after ? othersShare(before, after) : 0 };
}

async function round(traceFile: string | undefined): Promise<{ first: Visit; reload: Visit }> {
  const clock = new ShardClock();
  const server = await clock.serve();
  const profile = await mkdtemp(join(tmpdir(), 'phi-first-minute-'));
  const session = await launch({ profile, gpu: values.gpu, executable: values.browser });
  const { page } = session;
  try {
    const first = await measured(async () => {
      await page.goto(server.url);
      const start = page.getByRole('button', { name: /download/i }).first();
      await start.waitFor();
      const stop = traceFile === undefined ? undefined : await startTrace(page);
      await start.click();
      const result = await untilReady(page, () => clock.last);
      if (stop) await writeFile(traceFile!, await stop());
      return { ...result, downloadMs: clock.last - clock.first };
    });
    await page.waitForTimeout(KEEP_MS);
    const reload = await measured(async () => {
      await page.reload();
      return untilReady(page, () => 0).then(async ({ spans }) => {
        const origin = await page.evaluate(() => performance.timeOrigin);
        const shifted = spans.map((span) => ({ ...span, from: span.from - origin, to: span.to - origin }));
        return { readyMs: shifted.find(({ name }) => name === 'ready')!.from, spans: shifted };
      });
    });
    if (session.errors.length > 0) console.error(`Errors on the page:\n${session.errors.join('\n')}`);
    return { first, reload };
  } finally {
    await session.close();
    await server.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/** Begins a trace with samples of every thread's stack; what it returns ends it. */
async function startTrace(page: Page): Promise<() => Promise<string>> {
  const session = await page.context().newCDPSession(page);
  const events: unknown[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      includedCategories: ['blink.user_timing', 'toplevel', 'v8', 'disabled-by-default-v8.cpu_profiler', '__metadata'],
    },
  });
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    return JSON.stringify({ traceEvents: events });
  };
}

function printSpans(title: string, { readyMs, downloadMs, others, spans }: Visit): void {
  const download = downloadMs === undefined ? '' : `, download ${seconds(downloadMs)} s`;
  console.log(
    `\n${title}: ready after ${seconds(readyMs)} s${download} (${Math.round(100 * others)} % of the processor used by other programs)`,
  );
  console.log(spanTable(spans));
}

const median = (numbers: number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

function summary(what: string, visits: Visit[]): string {
  const times = visits.map(({ readyMs }) => readyMs);
  const each = times.map(seconds).join(', ');
  return `${what}: median ${seconds(median(times))} s (${each})`;
}

async function main(): Promise<void> {
  await ensureBuilt();
  console.log(machineName());
  const rounds: { first: Visit; reload: Visit }[] = [];
  for (let i = 0; i < Number(values.rounds); i++) {
    rounds.push(await round(i === 0 ? values.trace : undefined));
    const { first, reload } = rounds.at(-1)!;
    printSpans(`Round ${i + 1}, first visit, seconds after the last byte`, first);
    printSpans(`Round ${i + 1}, loaded again, seconds after the navigation`, reload);
  }
  console.log();
  console.log(
    summary(
      'Last byte to ready',
      rounds.map(({ first }) => first),
    ),
  );
  console.log(
    summary(
      'Reload to ready',
      rounds.map(({ reload }) => reload),
    ),
  );
  if (values.json !== undefined) await writeFile(values.json, JSON.stringify(rounds, null, 2));
}

if (values.help) console.log(USAGE);
else await main();
