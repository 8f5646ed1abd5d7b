/**
 * Work that must not be cut off by a change of version, in any tab: a reply, a download, a load. Each holds the lock `phi-busy` shared;
 * who wants to reload takes it alone. Browsers without Web Locks have no service worker of ours either.
 */
import { keepScreenOn } from './wake-lock.ts';

const LOCK = 'phi-busy';
const POLL_MS = 500;

const lockManager = (): LockManager | undefined => globalThis.navigator?.locks;

let holds = 0;
let screen: () => void = () => undefined;
let wakeIdle: (() => void)[] = [];

/** Marks this tab as busy. @returns how to end that, to be called once */
export function holdBusy(): () => void {
  let letGo = (): void => undefined;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  if (holds++ === 0) screen = keepScreenOn();
  // Work does not wait for the lock. If the lock cannot be had, the page is closing and there is nothing to protect.
  lockManager()
    ?.request(LOCK, { mode: 'shared' }, () => held)
    .catch(() => undefined);
  return () => {
    letGo();
    if (--holds > 0) return;
    screen();
    for (const wake of wakeIdle) wake();
    wakeIdle = [];
  };
}

/** Resolves as soon as this tab has no work under way, whatever the others do. */
export function idleHere(): Promise<void> {
  return holds === 0 ? Promise.resolve() : new Promise((resolve) => wakeIdle.push(resolve));
}

/** Runs `action` now if no tab is busy; the lock is then kept until the page goes away. @returns whether it ran */
export function tryWhenIdle(action: () => void): Promise<boolean> {
  const locks = lockManager();
  if (!locks) {
    action();
    return Promise.resolve(true);
  }
  return new Promise((resolve, reject) => {
    locks
      .request(LOCK, { ifAvailable: true }, (lock) => {
        resolve(lock !== null);
        if (lock === null) return Promise.resolve();
        action();
        return new Promise<void>(() => undefined); // Released by the reload that `action` brings about.
      })
      .catch(reject);
  });
}

/**
 * Runs `action` as soon as no tab is busy. Asks again and again, because a request that waited in the queue would hide the work that
 * begins behind it.
 */
export async function whenIdle(action: () => void): Promise<void> {
  while (!(await tryWhenIdle(action))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
