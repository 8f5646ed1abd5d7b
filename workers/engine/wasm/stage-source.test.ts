import { describe, expect, it } from 'vitest';
import type { StageHost } from './stage-protocol.ts';
import { stageSource } from './stage-source.ts';

const MiB = 2 ** 20;

function hostOf(bytes: Uint8Array, fail: () => boolean = () => false): { host: StageHost; reads: number[] } {
  const reads: number[] = [];
  const host: StageHost = {
    read(_path, offset, length) {
      reads.push(offset);
      return fail() ? Promise.reject(new Error('gone')) : Promise.resolve(bytes.slice(offset, offset + length));
    },
    openForm: () => Promise.resolve(null),
    keepForm: () => Promise.resolve(),
    onGroup: () => undefined,
  };
  return { host, reads };
}

describe('a file read through the engine worker', () => {
  const bytes = Uint8Array.from({ length: 10 * MiB + 5 }, (_, i) => (i * 31) ^ (i >> 12));
  const file = { path: 'model.gguf', bytes: bytes.length };

  it('gives the bytes of any range, across blocks and at the end', async () => {
    const source = stageSource(file, hostOf(bytes).host);
    for (const [offset, length] of [
      [0, 3],
      [4 * MiB - 2, 5],
      [3 * MiB, 6 * MiB],
      [10 * MiB, 5],
      [7, 0],
    ] as const) {
      // toEqual would compare megabytes one by one.
      expect(
        Buffer.compare(await source.read(offset, length), bytes.subarray(offset, offset + length)),
        `${offset}`,
      ).toBe(0);
    }
    expect((await source.blob(5, 9)).size).toBe(9);
    await expect(source.read(10 * MiB, 6)).rejects.toMatchObject({ code: 'bad-model' });
  });

  it('asks for a block once and for the next one ahead, where reads follow each other', async () => {
    const { host, reads } = hostOf(bytes);
    const source = stageSource(file, host);
    for (let at = 1000; at < MiB; at += 1000) await source.read(at, 1000);
    expect(reads).toEqual([1000, 0, 4 * MiB]);
  });

  it('tries again after a failure', async () => {
    let broken = true;
    const source = stageSource(file, hostOf(bytes, () => broken).host);
    await expect(source.read(0, 4)).rejects.toThrow('gone');
    broken = false;
    expect(await source.read(0, 4)).toEqual(bytes.slice(0, 4));
  });
});
