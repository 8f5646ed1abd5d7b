import { afterEach, describe, expect, it, vi } from 'vitest';
import type { HighlightRequest } from '../../../workers/shared/highlight-protocol.ts';
import { Highlighter } from './highlight.ts';

vi.mock('../../script-url.ts', () => ({ scriptUrl: (url: string) => url }));
afterEach(() => vi.useRealTimers());

/** A worker that does with each request what it is told to, and remembers its end. */
class FakeWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: { preventDefault(): void }) => void) | null = null;
  terminated = false;
  readonly #act: (worker: FakeWorker, request: HighlightRequest) => void;

  constructor(act: (worker: FakeWorker, request: HighlightRequest) => void) {
    this.#act = act;
  }

  postMessage(request: HighlightRequest): void {
    queueMicrotask(() => this.#act(this, request));
  }

  terminate(): void {
    this.terminated = true;
  }
}

const colours = { ends: Uint32Array.of(3), groups: Uint8Array.of(2) };
const answer = (worker: FakeWorker, { id }: HighlightRequest) => worker.onmessage?.({ data: { id, colours } });

function highlighter(act: (worker: FakeWorker, request: HighlightRequest) => void, deadline?: number) {
  const workers: FakeWorker[] = [];
  const spawn = () => {
    workers.push(new FakeWorker(act));
    return workers.at(-1) as unknown as Worker;
  };
  return { workers, highlighter: new Highlighter(spawn, deadline) };
}

describe('Highlighter', () => {
  it('asks one worker, one code after another', async () => {
    const asked: string[] = [];
    const { workers, highlighter: one } = highlighter((worker, request) => {
      asked.push(request.code);
      answer(worker, request);
    });
    expect(await Promise.all([one.colour('a', 'js'), one.colour('b', 'js')])).toEqual([colours, colours]);
    expect(asked).toEqual(['a', 'b']);
    expect(workers).toHaveLength(1);
  });

  it('ends a worker that does not answer in time, and colours the next code with another', async () => {
    vi.useFakeTimers();
    const { workers, highlighter: one } = highlighter((worker, request) => {
      if (request.code !== 'slow') answer(worker, request);
    }, 1000);
    const both = Promise.all([one.colour('slow', 'js'), one.colour('fast', 'js')]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await both).toEqual([null, colours]);
    expect(workers.map(({ terminated }) => terminated)).toEqual([true, false]);
  });

  it('leaves code as it is when the worker fails, or none can be had', async () => {
    const { highlighter: failing } = highlighter((worker) => worker.onerror?.({ preventDefault: () => undefined }));
    expect(await failing.colour('a', 'js')).toBeNull();
    const none = new Highlighter(() => {
      throw new Error('no more workers');
    });
    expect(await none.colour('a', 'js')).toBeNull();
  });
});
