import { expose } from 'comlink';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LazyWorker } from './lazy-worker.ts';

interface Api {
  count(): number;
}

/** Workers as ports: each counts its own calls. */
class FakeWorker extends EventTarget {
  static made: FakeWorker[] = [];
  readonly #ports = new MessageChannel();
  ended = false;

  constructor() {
    super();
    FakeWorker.made.push(this);
    let calls = 0;
    expose({ count: () => ++calls } satisfies Api, this.#ports.port2);
    this.#ports.port1.onmessage = ({ data }: MessageEvent<unknown>) =>
      this.dispatchEvent(new MessageEvent('message', { data }));
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    this.#ports.port1.postMessage(message, transfer as MessagePort[]);
  }

  terminate(): void {
    this.ended = true;
    this.#ports.port1.close();
  }
}

beforeEach(() => vi.stubGlobal('location', new URL('https://example.org/')));

const onEnd = vi.fn();
const lazy = () => new LazyWorker<Api>({ url: 'x.js', kind: 'test', what: 'The test worker', onEnd });

afterEach(() => {
  vi.unstubAllGlobals();
  onEnd.mockReset();
  for (const worker of FakeWorker.made) if (!worker.ended) worker.terminate();
  FakeWorker.made = [];
});

it('starts with the first call, and again after it died or was ended', async () => {
  vi.stubGlobal('Worker', FakeWorker);
  const worker = lazy();
  expect(FakeWorker.made).toHaveLength(0);
  const count = () => worker.call((api) => api.count());
  expect([await count(), await count()]).toEqual([1, 2]);
  FakeWorker.made[0]!.dispatchEvent(Object.assign(new Event('error'), { message: 'out of memory' }));
  await expect.poll(() => FakeWorker.made[0]!.ended).toBe(true);
  expect(await count()).toBe(1);
  worker.end();
  worker.end();
  expect(await count()).toBe(1);
  expect(FakeWorker.made.map(({ ended }) => ended)).toEqual([true, true, false]);
  expect(onEnd).toHaveBeenCalledTimes(2);
  worker.end();
});

it('rejects a call whose worker dies, or cannot be made', async () => {
  vi.stubGlobal('Worker', FakeWorker);
  const call = lazy().call(() => new Promise(() => undefined));
  FakeWorker.made[0]!.dispatchEvent(Object.assign(new Event('error'), { message: 'no memory' }));
  await expect(call).rejects.toMatchObject({ code: 'worker-died', message: 'The test worker ended: no memory.' });
  vi.stubGlobal('Worker', function () {
    throw new TypeError('refused');
  });
  await expect(lazy().call((api) => api.count())).rejects.toMatchObject({ code: 'internal', message: 'refused' });
});
