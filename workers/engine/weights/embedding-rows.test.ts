import { describe, expect, it } from 'vitest';
import type { Matrix } from './matrix.ts';
import { dequantise } from './rows.ts';
import { EmbeddingRows } from './embedding-rows.ts';

/** 4-bit blocks with minimums; counts how often it is read. */
function table(rows: number): { matrix: Matrix; reads: () => number } {
  const [cols, block] = [64, 32];
  let reads = 0;
  const matrix: Matrix = {
    name: 'embedding',
    rows,
    cols,
    type: 'Q4_1',
    form: { kind: 'blocks', bits: 4, block, symmetric: false },
    read(start, count) {
      reads++;
      return Promise.resolve({
        kind: 'blocks',
        rows: count,
        cols,
        bits: 4,
        block,
        codes: Uint8Array.from({ length: count * cols }, (_, i) => ((start * cols + i) * 7) % 16),
        scales: Float32Array.from({ length: (count * cols) / block }, (_, i) => 0.5 + start * 2 + i),
        mins: Float32Array.from({ length: (count * cols) / block }, (_, i) => -(start * 2 + i)),
      });
    },
  };
  return { matrix, reads: () => reads };
}

describe('rows of the embedding', () => {
  it('are the same from memory, and then nothing is read for them', async () => {
    const { matrix, reads } = table(40);
    const ids = [39, 0, 17, 17];
    const expected = await new EmbeddingRows(matrix).read(ids, 5);
    expect(expected.subarray(0, 64)).toEqual(dequantise(await matrix.read(39, 1)));
    expect(expected.subarray(4 * 64)).toEqual(new Float32Array(64));

    const held = new EmbeddingRows(matrix);
    await held.hold();
    const before = reads();
    expect(await held.read(ids, 5)).toEqual(expected);
    expect(reads()).toBe(before);
  });

  it('of a large table stay where they are', async () => {
    const { matrix, reads } = table(2 ** 20);
    await new EmbeddingRows(matrix).hold();
    expect(reads()).toBe(0);
  });
});
