import { describe, expect, it } from 'vitest';
import { timeStream, type Arrival } from './stopwatch.ts';

/** Arrivals at given times on a clock that the stream itself moves. */
async function timed(arrivals: [number, Arrival][], promptTokens = 100) {
  let now = 1000;
  const stream = async function* () {
    for (const [at, arrival] of arrivals) {
      now = 1000 + at;
      yield await Promise.resolve(arrival);
    }
  };
  const heard: [number, string][] = [];
  const timing = await timeStream(
    promptTokens,
    stream,
    (tokens, text) => heard.push([tokens, text]),
    () => now,
  );
  return { timing, heard };
}

describe('timeStream', () => {
  it('leaves out the first token, and tells what came when', async () => {
    const { timing, heard } = await timed([
      [200, { tokens: 1, text: 'a' }],
      [300, { tokens: 2, text: 'bc' }],
      [600, { tokens: 2, text: 'de' }],
    ]);
    expect(timing).toMatchObject({ tokens: 5, ttftMs: 200, prefillTokensPerSecond: 500, decodeTokensPerSecond: 10 });
    expect(timing.pieces).toEqual([
      [200, 'a'],
      [300, 'bc'],
      [600, 'de'],
    ]);
    expect(timing.arrivals).toEqual([
      [200, 1, 1],
      [300, 2, 2],
      [600, 2, 2],
    ]);
    expect(heard).toEqual([
      [1, 'a'],
      [3, 'bc'],
      [5, 'de'],
    ]);
  });

  it('takes a server’s own count, and no time for its closing message', async () => {
    const { timing } = await timed([
      [50, { tokens: 0, text: '' }],
      [100, { tokens: 1, text: 'a' }],
      [200, { tokens: 1, text: 'bcd' }],
      [900, { tokens: 0, text: '', usage: { promptTokens: 50, tokens: 5 } }],
    ]);
    expect(timing).toMatchObject({
      tokens: 5,
      promptTokens: 50,
      ttftMs: 100,
      prefillTokensPerSecond: 500,
      decodeTokensPerSecond: 40,
    });
  });

  it('leaves out the time of computing everything again', async () => {
    const { timing } = await timed([
      [100, { tokens: 1, text: 'a' }],
      [200, { tokens: 1, text: 'b' }],
      [5000, { tokens: 1, text: 'c', recomputed: true }],
      [5100, { tokens: 1, text: 'd' }],
    ]);
    expect(timing.decodeTokensPerSecond).toBe(10);
  });

  it('gives no figure that its clock cannot tell', async () => {
    await expect(timed([[0, { tokens: 1, text: 'a' }]])).rejects.toThrow(/sooner than the clock/);
    const { timing } = await timed([
      [10, { tokens: 1, text: 'a' }],
      [10, { tokens: 1, text: 'b' }],
    ]);
    expect(timing.decodeTokensPerSecond).toBeNull();
  });

  it('knows no decode speed of a single token', async () => {
    expect((await timed([[10, { tokens: 1, text: 'a' }]])).timing.decodeTokensPerSecond).toBeNull();
  });
});
