import { describe, expect, it, vi } from 'vitest';
import { EngineClaim } from './engine-claim.ts';

interface Waiting {
  grant: () => void;
}

/** One lock as the specification has it: a queue, `ifAvailable`, `steal`, `signal`. */
class OneLock {
  #holder: { fail: (cause: unknown) => void } | null = null;
  readonly #queue: Waiting[] = [];

  request = (
    _name: string,
    { ifAvailable, steal, signal }: LockOptions,
    hold: (lock: Lock | null) => Promise<void> | undefined,
  ) =>
    new Promise<unknown>((resolve, reject) => {
      const mine = { fail: reject };
      const grant = () => {
        this.#holder = mine;
        Promise.resolve(hold({ name: 'x', mode: 'exclusive' })).then((value) => {
          if (this.#holder === mine) this.#next();
          resolve(value);
        }, reject);
      };
      if (steal) this.#holder?.fail(new DOMException('stolen', 'AbortError'));
      if (steal || !this.#holder) return grant();
      if (ifAvailable) return resolve(hold(null));
      const waiting: Waiting = { grant };
      this.#queue.push(waiting);
      signal?.addEventListener('abort', () => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(new DOMException('aborted', 'AbortError'));
      });
    });

  #next(): void {
    this.#holder = null;
    this.#queue.shift()?.grant();
  }
}

function tabs(): [EngineClaim, EngineClaim] {
  const locks = new OneLock() as unknown as LockManager;
  return [new EngineClaim(locks), new EngineClaim(locks)];
}

describe('EngineClaim', () => {
  it('is one tab’s', async () => {
    const [a, b] = tabs();
    expect([await a.take(), await a.take(), await b.take()]).toEqual([true, true, false]);
    a.release();
    await vi.waitFor(async () => expect(await b.take()).toBe(true));
    expect(await a.take()).toBe(false);
  });

  it('comes to the one that waits when the other lets go', async () => {
    const [a, b] = tabs();
    await a.take();
    let mine = false;
    const waited = b.wait(new AbortController().signal).then(() => (mine = true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(mine).toBe(false);
    a.release();
    await waited;
    expect([await b.take(), await a.take()]).toEqual([true, false]);
  });

  it('can be seized: the loser hears of it once, and may wait for it', async () => {
    const [a, b] = tabs();
    const lost = vi.fn();
    a.onLost = lost;
    await a.take();
    await b.seize();
    await vi.waitFor(() => expect(lost).toHaveBeenCalledOnce());
    expect(await a.take()).toBe(false);
    const back = a.wait(new AbortController().signal);
    b.release();
    await back;
    expect(await a.take()).toBe(true);
    expect(lost).toHaveBeenCalledOnce();
  });

  it('stops waiting on a signal', async () => {
    const [a, b] = tabs();
    await a.take();
    const controller = new AbortController();
    const waited = b.wait(controller.signal);
    controller.abort();
    await expect(waited).rejects.toThrow('aborted');
  });

  it('is everybody’s where there are no locks', async () => {
    expect(await new EngineClaim(null).take()).toBe(true);
  });
});
