import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tellTextWork, TEXT_DEADLINE_MS, watchTextWork } from './text-work.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A worker, as far as its owner hears it. */
function pair() {
  const worker = new EventTarget();
  const late: string[] = [];
  const end = watchTextWork(worker, (part, seconds) => late.push(`${part}, ${seconds} s`));
  const post = (data: unknown) => worker.dispatchEvent(new MessageEvent('message', { data }));
  return { late, end, post, tell: tellTextWork(post) };
}

describe('the deadline of templates and tokenizers', () => {
  it('passes while the work is done in time, also where it throws', () => {
    const { late, tell } = pair();
    expect(tell('tokenizer', 5, () => 7)).toBe(7);
    expect(() =>
      tell('chat template', 5, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    vi.advanceTimersByTime(10 * TEXT_DEADLINE_MS);
    expect(late).toEqual([]);
  });

  it('names what has not ended, once', () => {
    const { late, post } = pair();
    post({ textWork: 'tokenizer', characters: 10 });
    vi.advanceTimersByTime(TEXT_DEADLINE_MS - 1000);
    expect(late).toEqual([]);
    vi.advanceTimersByTime(10 * TEXT_DEADLINE_MS);
    expect(late).toEqual(['tokenizer, 10 s']);
  });

  it('gives long conversations longer', () => {
    const { late, post } = pair();
    post({ textWork: 'tokenizer', characters: 1_000_000 });
    vi.advanceTimersByTime(2 * TEXT_DEADLINE_MS);
    expect(late).toEqual([]);
    vi.advanceTimersByTime(2 * TEXT_DEADLINE_MS);
    expect(late).toEqual(['tokenizer, 30 s']);
  });

  it('ends with its worker, and overlooks every other message', () => {
    const { late, end, post } = pair();
    for (const other of [null, 'lifeline held', { id: 1, type: 'GET' }]) post(other);
    post({ textWork: 'chat template', characters: 10 });
    end();
    vi.advanceTimersByTime(10 * TEXT_DEADLINE_MS);
    expect(late).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
