import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { waitLonger, withDeadline } from './deadline.ts';
import { COMPILING_CALL_MS, LEAST_CALL_MS, DeadlineDecoder } from './deadline-decoder.ts';
import type { ChunkRequest, ChunkResult, Choice, Decoder, DecoderFacts } from '../decoder.ts';

const never = <T>() => new Promise<T>(() => undefined);
const RESULT = { chosen: [1] } as Partial<ChunkResult> as ChunkResult;
const request = (tokens: number) => ({ ids: new Array<number>(tokens).fill(0) }) as unknown as ChunkRequest;
const NPU = { backend: 'webnn', software: false } as DecoderFacts;
const decoderWith = (methods: Partial<Decoder>) =>
  new DeadlineDecoder({ facts: NPU, ...methods } as Decoder, 'WebNN (NPU), float32');
/** How a promise stands, without waiting for it. */
function watch(promise: Promise<unknown>) {
  const state: { outcome?: unknown } = {};
  promise.then(
    (value) => (state.outcome = value),
    (error: unknown) => (state.outcome = error),
  );
  return state;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount(), 'timers left behind').toBe(0);
  vi.useRealTimers();
});

describe('what never answers', () => {
  it('is given up in words after its time, and not before', async () => {
    const call = watch(withDeadline('WebNN (NPU): building the graph', 60_000, never));
    await vi.advanceTimersByTimeAsync(59_000);
    expect(call.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(call.outcome).toMatchObject({
      code: 'device-lost',
      message: 'WebNN (NPU): building the graph did not respond for 60 s, so the app stopped waiting.',
    });
  });

  it('is given more time where a test asks for it', async () => {
    waitLonger(3);
    try {
      const call = watch(withDeadline('a', 10_000, never));
      await vi.advanceTimersByTimeAsync(29_000);
      expect(call.outcome).toBeUndefined();
      await vi.advanceTimersByTimeAsync(2_000);
      expect(call.outcome).toMatchObject({ message: 'a did not respond for 30 s, so the app stopped waiting.' });
    } finally {
      waitLonger(1);
    }
  });

  it('is waited for as long as it tells of progress', async () => {
    let progress = () => undefined as unknown;
    const call = watch(
      withDeadline('a', 10_000, (heard) => {
        progress = heard;
        return never();
      }),
    );
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(8_000);
      progress();
    }
    expect(call.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(11_000);
    expect(call.outcome).toMatchObject({ code: 'device-lost' });
  });

  it('leaves results and errors that come in time as they are', async () => {
    expect(await withDeadline('a', 1_000, () => Promise.resolve(3))).toBe(3);
    await expect(withDeadline('a', 1_000, () => Promise.reject(new RangeError('x')))).rejects.toThrow(RangeError);
  });
});

describe('a decoder', () => {
  it('whose device falls silent rejects, and can be disposed of although that hangs too', async () => {
    const decoder = decoderWith({ chunk: never, decode: never, dispose: never });
    const chunk = watch(decoder.chunk(request(1)));
    const decode = watch(decoder.decode(1, 0, 'short', { randoms: new Float32Array(1) } as Choice));
    await vi.advanceTimersByTimeAsync(LEAST_CALL_MS + 1_000);
    for (const { outcome } of [chunk, decode])
      expect(outcome).toMatchObject({
        code: 'device-lost',
        message: expect.stringMatching(/^WebNN \(NPU\), float32/) as string,
      });
    await decoder.dispose();
  });

  it('on a software adapter gets the time to compile its first call of each kind, and no longer', async () => {
    const facts = { backend: 'webgpu', software: true } as DecoderFacts;
    const takesMs = COMPILING_CALL_MS - 1_000;
    const first = () => new Promise<ChunkResult>((resolve) => setTimeout(() => resolve(RESULT), takesMs));
    const calls = [first, never<ChunkResult>];
    const decoder = decoderWith({ facts, chunk: () => calls.shift()!(), decode: never });
    const compiled = watch(decoder.chunk(request(1)));
    await vi.advanceTimersByTimeAsync(takesMs + 1);
    expect(compiled.outcome).toBe(RESULT);
    const chunk = watch(decoder.chunk(request(0)));
    const decode = watch(decoder.decode(1, 0, 'short', { randoms: new Float32Array(0) } as Choice));
    await vi.advanceTimersByTimeAsync(LEAST_CALL_MS + 1_000);
    expect(chunk.outcome).toMatchObject({ code: 'device-lost' });
    expect(decode.outcome).toBeUndefined();
    await vi.advanceTimersByTimeAsync(COMPILING_CALL_MS);
    expect(decode.outcome).toMatchObject({ code: 'device-lost' });
  });

  it('that is slow but answers is waited for, the longer the slower it was', async () => {
    let takesMs = 30_000;
    const chunk = () => new Promise<ChunkResult>((resolve) => setTimeout(() => resolve(RESULT), takesMs));
    const decoder = decoderWith({ chunk });
    const first = watch(decoder.chunk(request(1)));
    await vi.advanceTimersByTimeAsync(takesMs);
    expect(first.outcome).toBe(RESULT);
    takesMs = 200_000; // less than eight times the first
    const second = watch(decoder.chunk(request(1)));
    await vi.advanceTimersByTimeAsync(takesMs);
    expect(second.outcome).toBe(RESULT);
  });

  it('that fails by itself keeps its error, and is disposed of as usual', async () => {
    const dispose = vi.fn(() => Promise.resolve());
    const decoder = decoderWith({ chunk: () => Promise.reject(new RangeError('x')), dispose });
    await expect(decoder.chunk(request(1))).rejects.toThrow(RangeError);
    await decoder.dispose();
    expect(dispose).toHaveBeenCalledOnce();
  });
});
