import { afterEach, expect, it, vi } from 'vitest';
import { coolDown } from './cooling.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('waits as long as asked, and not at all for nothing', async () => {
  vi.useFakeTimers();
  expect(await coolDown(0, new AbortController().signal)).toBe(0);
  const pause = coolDown(5, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await pause).toBeGreaterThanOrEqual(4_999);
});

it('waits longer while the browser says that the processor is under pressure', async () => {
  vi.useFakeTimers();
  let tell: (records: { state: string }[]) => void = () => undefined;
  const disconnect = vi.fn();
  vi.stubGlobal(
    'PressureObserver',
    class {
      constructor(onChange: typeof tell) {
        tell = onChange;
      }
      observe = () => Promise.resolve();
      disconnect = disconnect;
    },
  );
  const over = vi.fn();
  void coolDown(2, new AbortController().signal).then(over);
  await vi.advanceTimersByTimeAsync(1_000);
  tell([{ state: 'serious' }]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(over).not.toHaveBeenCalled();
  tell([{ state: 'nominal' }]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(over).toHaveBeenCalledOnce();
  expect(disconnect).toHaveBeenCalledOnce();
});

it('ends when a person stops the run', async () => {
  const stop = new AbortController();
  const pause = coolDown(600, stop.signal);
  stop.abort();
  await expect(pause).rejects.toMatchObject({ code: 'cancelled' });
});
