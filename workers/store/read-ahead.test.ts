import { describe, expect, it } from 'vitest';
import { readAhead } from './read-ahead.ts';

const bytes = Uint8Array.from({ length: 1005 }, (_, i) => (i * 31) ^ (i >> 3));

function counted() {
  const reads: [number, number][] = [];
  const source = {
    name: 'model.gguf',
    size: bytes.length,
    read(offset: number, length: number) {
      reads.push([offset, length]);
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
  return { reads, ahead: readAhead(source, { blockBytes: 100, mostBlocks: 4, onlySequential: true }) };
}

describe('reading ahead', () => {
  it('takes blocks for what goes on, and single reads for what does not', async () => {
    const { reads, ahead } = counted();
    for (const at of [700, 10, 300]) expect(await ahead.read(at, 5)).toEqual(bytes.slice(at, at + 5));
    expect(reads).toEqual([
      [700, 5],
      [10, 5],
      [300, 5],
    ]);
    reads.length = 0;
    for (let at = 305; at < 395; at += 5) expect(await ahead.read(at, 5)).toEqual(bytes.slice(at, at + 5));
    expect(reads).toEqual([
      [300, 100],
      [400, 100],
    ]);
  });

  it('follows several places in turn, and the end of the file', async () => {
    const { reads, ahead } = counted();
    for (let step = 0; step < 10; step++)
      for (const base of [0, 900]) {
        const at = base + step * 10;
        expect(await ahead.read(at, 10)).toEqual(bytes.slice(at, at + 10));
      }
    expect(reads.length).toBeLessThan(8);
    await expect(ahead.read(1000, 6)).rejects.toMatchObject({ code: 'bad-model' });
  });

  it('gives what the caller may change', async () => {
    const { ahead } = counted();
    await ahead.read(0, 10);
    (await ahead.read(10, 10)).fill(0);
    expect(await ahead.read(10, 10)).toEqual(bytes.slice(10, 20));
  });
});
