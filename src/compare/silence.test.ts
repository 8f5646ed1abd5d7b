import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PhiError } from '../../workers/shared/errors.ts';
import { withDeadline } from './silence.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Ends when its signal does, as a row does whose worker is ended. */
const hanging = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(new PhiError('cancelled', 'Cancelled.'))),
  );

describe('a row', () => {
  it('that says nothing for so long is ended, and later if it was thought to take longer', async () => {
    for (const [estimate, seconds] of [
      [10, 180],
      [600, 600],
    ] as const) {
      const row = withDeadline({ estimateSeconds: estimate, advice: 'Advice.' }, new AbortController().signal, hanging);
      const settled = vi.fn();
      row.catch(settled);
      await vi.advanceTimersByTimeAsync(seconds * 1000 - 1);
      expect(settled).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(1);
      await expect(row).rejects.toMatchObject({
        code: 'backend',
        message: expect.stringMatching(new RegExp(` ${seconds} s,? .* Advice\\.$`)) as string,
      });
    }
  });

  it('that is heard of goes on, and leaves no timer behind', async () => {
    const row = withDeadline(
      { estimateSeconds: 10, advice: 'Advice.' },
      new AbortController().signal,
      async (_signal, heard) => {
        for (let i = 0; i < 5; i++) {
          await new Promise((resolve) => setTimeout(resolve, 170_000));
          heard();
        }
        return 'done';
      },
    );
    await vi.advanceTimersByTimeAsync(5 * 170_000);
    expect(await row).toBe('done');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that a person cancels is cancelled, not silent', async () => {
    const stop = new AbortController();
    const row = withDeadline({ estimateSeconds: 10, advice: 'Advice.' }, stop.signal, hanging);
    stop.abort();
    await expect(row).rejects.toMatchObject({ code: 'cancelled' });
  });
});
