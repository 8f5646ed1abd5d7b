import { describe, expect, it } from 'vitest';
import { seeded } from '../../store/testing/random.ts';
import { emptyRows } from '../decoder.ts';
import { rowsOf, tensorsOf } from './cache-access.ts';

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
