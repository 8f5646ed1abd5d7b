/** Times in tests. They depend on the machine, so that `npm test` never judges them; `npm run test:timing` does, on an idle one. Node only. */
import { expect } from 'vitest';

const TIMED = process.env['PHI_TIMING'] === '1';

/** Milliseconds of processor time of this process: other programs do not add to it. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Checks a duration, in a timed run. */
export function expectWithin(ms: number, limitMs: number, what?: string): void {
  if (TIMED) expect(ms, what).toBeLessThan(limitMs);
}
