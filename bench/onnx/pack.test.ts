import { describe, expect, it } from 'vitest';
import { dequantise, type BlockRows } from '../../workers/engine/weights/rows.ts';
import { packBlocks } from './pack.ts';

/** Two rows of two blocks, as Q4_1 gives them. */
const q41: BlockRows = {
  kind: 'blocks',
  rows: 2,
  cols: 8,
  bits: 4,
  block: 4,
  codes: Uint8Array.from([0, 15, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
  scales: Float32Array.of(0.5, 0.25, 0, 2),
  mins: Float32Array.of(1.5, -0.3, 0, 5),
};

/** What MatMulNBits computes with. */
function unpacked({ codes, scales, zeroPoints }: ReturnType<typeof packBlocks>): number[] {
  return Array.from({ length: codes.length * 2 }, (_, i) => {
    const block = Math.floor(i / 4);
    const code = (codes[i >> 1]! >> (4 * (i & 1))) & 15;
    const zero =
      zeroPoints instanceof Float32Array
        ? zeroPoints[block]!
        : zeroPoints
          ? (zeroPoints[block >> 1]! >> (4 * (block & 1))) & 15
          : 8;
    return scales[block]! * (code - zero);
  });
}

describe('packBlocks', () => {
  it('holds a minimum exactly in float zero points', () => {
    const got = unpacked(packBlocks(q41, 'float'));
    dequantise(q41).forEach((value, i) => expect(got[i]).toBeCloseTo(value, 5));
  });

  it('rounds it to a whole code otherwise: off by half a scale at most', () => {
    const packed = packBlocks(q41, 'uint');
    expect(packed.zeroPoints).toHaveLength(2);
    const got = unpacked(packed);
    dequantise(q41).forEach((value, i) =>
      expect(Math.abs(got[i]! - value)).toBeLessThanOrEqual(q41.scales[Math.floor(i / 4)]! / 2 + 1e-6),
    );
  });

  it('writes no zero points for symmetric blocks, and 8-bit codes as they are', () => {
    const packed = packBlocks({ ...q41, bits: 8, mins: null }, 'uint');
    expect(packed.zeroPoints).toBeNull();
    expect(packed.codes).toBe(q41.codes);
  });

  it('refuses a minimum without a scale', () => {
    expect(() => packBlocks({ ...q41, mins: Float32Array.of(0, 0, 1, 0) }, 'float')).toThrow(/Block 2/);
  });
});
