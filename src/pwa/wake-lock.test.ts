import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { holdBusy } from './busy.ts';
import { keepScreenOn } from './wake-lock.ts';

class FakeDocument extends EventTarget {
  visibilityState: DocumentVisibilityState = 'visible';

  show(visibilityState: DocumentVisibilityState): void {
    this.visibilityState = visibilityState;
    this.dispatchEvent(new Event('visibilitychange'));
  }
}

function setUp(refuse = false) {
  const page = new FakeDocument();
  const locks: { released: boolean }[] = [];
  const request = () => {
    if (refuse) return Promise.reject(new DOMException('Low battery.', 'NotAllowedError'));
    const lock = { released: false, release: () => Promise.resolve(void (lock.released = true)) };
    locks.push(lock);
    return Promise.resolve(lock as unknown as WakeLockSentinel);
  };
  const end = keepScreenOn(request, page as unknown as Document);
  return { page, locks, end };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the screen', () => {
  it('stays on while long work is under way, and not for short work', async () => {
    const short = setUp();
    await vi.advanceTimersByTimeAsync(5_000);
    short.end();
    const long = setUp();
    await vi.advanceTimersByTimeAsync(11_000);
    expect([short.locks.length, long.locks.length]).toEqual([0, 1]);
    long.end();
    expect(long.locks[0]!.released).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(short.locks).toEqual([]);
  });

  it('is asked for again when the page comes back, and never while it is hidden', async () => {
    const { page, locks, end } = setUp();
    page.show('hidden');
    await vi.advanceTimersByTimeAsync(11_000);
    expect(locks).toHaveLength(0);
    page.show('visible');
    await vi.advanceTimersByTimeAsync(0);
    expect(locks).toHaveLength(1);
    locks[0]!.released = true; // as the browser does when the page is hidden
    page.show('hidden');
    page.show('visible');
    await vi.advanceTimersByTimeAsync(0);
    expect(locks).toHaveLength(2);
    end();
    page.show('visible');
    await vi.advanceTimersByTimeAsync(0);
    expect([locks.length, locks[1]!.released]).toEqual([2, true]);
  });

  it('goes off as usual where the browser refuses, or knows no such thing', async () => {
    const { end } = setUp(true);
    await vi.advanceTimersByTimeAsync(11_000);
    end();
    keepScreenOn(null)();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is kept on by every kind of work that a change of version waits for', async () => {
    const page = new FakeDocument();
    const lock = { released: false, release: () => Promise.resolve(void (lock.released = true)) };
    vi.stubGlobal('document', page);
    vi.stubGlobal('navigator', { wakeLock: { request: () => Promise.resolve(lock) } });
    vi.resetModules();
    const { holdBusy: hold } = await import('./busy.ts');
    const [first, second] = [hold(), hold()];
    await vi.advanceTimersByTimeAsync(11_000);
    first();
    expect(lock.released).toBe(false);
    second();
    expect(lock.released).toBe(true);
    vi.unstubAllGlobals();
    holdBusy()(); // without any of it, in Node
  });
});
