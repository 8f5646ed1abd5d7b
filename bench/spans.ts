/** Where the seconds of a load go: the spans of workers/shared/span.ts, read from a page and its workers. */
import type { Page } from 'playwright';
import { table } from './report.ts';

/** Of a thread's time, in ms since a moment that the reader chose. */
export interface Span {
  thread: string;
  name: string;
  from: number;
  to: number;
}

/** Spans that the page and its workers recorded, from the moment `zero` (ms since 1970) on, in the order of their beginnings. */
export async function spansOf(page: Page, zero: number): Promise<Span[]> {
  const read = () => ({
    name: self.name,
    entries: performance
      .getEntries()
      .filter(({ name }) => name.startsWith('phi: '))
      .map(({ name, startTime, duration }) => ({
        name: name.slice('phi: '.length),
        from: performance.timeOrigin + startTime,
        to: performance.timeOrigin + startTime + duration,
      })),
  });
  // The threads of ONNX Runtime and of our own kernels are workers too; they sleep in WebAssembly and would not answer.
  const workers = page.workers().filter((worker) => /(?<!\/step)\.worker[^/]*$/.test(worker.url()));
  const threads = await Promise.all([page.evaluate(read), ...workers.map((worker) => worker.evaluate(read))]);
  return threads
    .flatMap(({ name, entries }) =>
      entries.map((entry) => ({
        thread: name.split('-')[1] ?? 'page',
        name: entry.name,
        from: entry.from - zero,
        to: entry.to - zero,
      })),
    )
    .sort((a, b) => a.from - b.from);
}

export const seconds = (ms: number): string => (ms / 1000).toFixed(2);

export function spanTable(spans: readonly Span[]): string {
  const rows = spans.map(({ thread, name, from, to }) => [
    thread,
    name,
    seconds(from),
    seconds(to),
    seconds(to - from),
  ]);
  return table([['thread', 'what', 'from', 'to', 'seconds'], ...rows], [0, 1]);
}
