import { afterEach, describe, expect, it, vi } from 'vitest';
import type { PhiConfig } from '../checkpoint/types.ts';
import { seeded } from '../../store/testing/random.ts';
import { emptyRows } from '../decoder.ts';
import { cacheAccess, rowsOf, tensorsOf } from './cache-access.ts';
import type { WebnnDevice } from './device.ts';
import type { WebnnCache } from './kv-cache.ts';

const COUNT = 5;
/** Heads of several panels, and of one. */
const SHAPES = [
  { kvHeads: 2, headDim: 32, slots: 12 },
  { kvHeads: 3, headDim: 12, slots: 9 },
];
const CASES = SHAPES.flatMap((shape) => (['litert', 'npu'] as const).map((dialect) => ({ ...shape, dialect })));

describe.each(CASES)('a cache of $kvHeads heads of $headDim ($dialect)', (shape) => {
  const { kvHeads, headDim, slots, dialect } = shape;
  const rows = emptyRows(kvHeads, COUNT, headDim);
  const random = seeded(7);
  rows.keys.forEach((_, i) => (rows.keys[i] = random()));
  rows.values.forEach((_, i) => (rows.values[i] = random()));
  const tensors = tensorsOf(shape, COUNT, rows);

  it('comes back as it was put in, as a whole and in part', () => {
    expect(rowsOf(shape, tensors.keys, tensors.values, 0, COUNT)).toEqual(rows);
    const part = rowsOf(shape, tensors.keys, tensors.values, 2, 4);
    const head = rows.values.subarray((kvHeads - 1) * COUNT * headDim);
    expect(part.values.subarray((kvHeads - 1) * 2 * headDim)).toEqual(head.subarray(2 * headDim, 4 * headDim));
  });

  it('lies as the graph reads it, with zeros in the slots behind', () => {
    const at = (head: number, token: number, j: number): number => {
      const start = head * slots * headDim;
      if (dialect === 'npu') return start + j * slots + token; // [kvHeads, headDim, slots]
      const panel = headDim % 16 === 0 ? 16 : headDim; // [kvHeads, headDim / panel, slots, panel]
      return start + (Math.floor(j / panel) * slots + token) * panel + (j % panel);
    };
    for (let head = 0; head < kvHeads; head++)
      for (let token = 0; token < slots; token++)
        for (let j = 0; j < headDim; j++) {
          const filled = token < COUNT;
          const row = (head * COUNT + token) * headDim + j;
          expect(tensors.values[at(head, token, j)]).toBe(filled ? rows.values[row] : 0);
          expect(tensors.keys[(head * slots + token) * headDim + j]).toBe(filled ? rows.keys[row] : 0);
        }
  });
});

describe('reading a cache', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is tried again after the graph that copies it could not be built', async () => {
    let builds = 0;
    class Builder {
      input = () => ({});
      constant = () => ({});
      mul = () => ({});
      build = () => (++builds === 1 ? Promise.reject(new Error('The context is busy.')) : Promise.resolve({}));
    }
    vi.stubGlobal('MLGraphBuilder', Builder);
    const context = { dispatch: () => undefined, readTensor: () => Promise.resolve(new ArrayBuffer(4 * 2 * 16 * 4)) };
    const device = { context, tensor: () => Promise.resolve({}) } as unknown as WebnnDevice;
    const cache = { slots: 4, settled: () => ({}) } as unknown as WebnnCache;
    const access = cacheAccess(device, { kvHeads: 2, headDim: 16 } as PhiConfig, cache, 'litert');
    await expect(access.read(0, 0, 2)).rejects.toThrow('busy');
    expect((await access.read(0, 0, 2)).keys).toHaveLength(2 * 2 * 16);
    expect(builds).toBe(2);
  });
});
