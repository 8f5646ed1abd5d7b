import { describe, expect, it } from 'vitest';
import type { BlockForm, Matrix } from './matrix.ts';
import {
  holdsExactly,
  packBlocks,
  quantiseBlocks,
  type BlockSpec,
  type ErrorSum,
  type PackedBlocks,
} from './blocks.ts';
import vectors from './blocks.vectors.json' with { type: 'json' };
import { dequantise, type BlockRows, type Rows } from './rows.ts';

const { rows: ROWS, cols: COLS } = vectors;
const VALUES = Float32Array.from(vectors.values);

function matrixOf(rows: Rows, form: Matrix['form']): Matrix {
  const take = (start: number, count: number): Rows => {
    const cut = <T extends Float32Array | Uint8Array>(values: T, perRow: number) =>
      values.slice(start * perRow, (start + count) * perRow) as T;
    if (rows.kind === 'float') return { ...rows, rows: count, values: cut(rows.values, rows.cols) };
    const blocks = rows.cols / rows.block;
    return {
      ...rows,
      rows: count,
      codes: cut(rows.codes, rows.cols),
      scales: cut(rows.scales, blocks),
      mins: rows.mins && cut(rows.mins, blocks),
    };
  };
  return {
    name: 'test',
    rows: rows.rows,
    cols: rows.cols,
    type: 'test',
    form,
    read: (start, count) => Promise.resolve(take(start, count)),
  };
}

/** What MatMulNBits makes of it: scale * (code - zero point) + min. */
function unpack(packed: PackedBlocks, rows: number, cols: number, { bits, block }: BlockSpec): Float32Array {
  const blocks = cols / block;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const nibble = (bytes: Uint8Array, i: number) => (bytes[i >> 1]! >> (4 * (i & 1))) & 15;
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const row = Math.floor(i / cols);
    const b = Math.floor((i % cols) / block);
    const code = bits === 8 ? packed.codes[i]! : nibble(packed.codes, i);
    const zeros = packed.zeroPoints?.subarray(row * zeroBytes);
    const zero = zeros ? (bits === 8 ? zeros[b]! : nibble(zeros, b)) : 2 ** (bits - 1);
    return packed.scales[row * blocks + b]! * (code - zero) + (packed.mins ? packed.mins[row * blocks + b]! : 0);
  });
}

async function pack(
  matrix: Matrix,
  spec: BlockSpec,
  start = 0,
  count = matrix.rows,
): Promise<PackedBlocks & { sum: ErrorSum }> {
  const sum = { error: 0, weights: 0 };
  return { ...(await packBlocks(matrix, spec, start, count, sum)), sum };
}

const randomBlocks = (bits: 4 | 8, block: number, mins: 'none' | 'float' | 'integral'): BlockRows => {
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const scales = Float32Array.from({ length: (3 * 128) / block }, () => random() - 0.5);
  const codes = Uint8Array.from({ length: 3 * 128 }, () => Math.floor(random() * 2 ** bits));
  const shift = (scale: number) => (mins === 'float' ? random() : scale * (8 - Math.floor(random() * 16)));
  return {
    kind: 'blocks',
    rows: 3,
    cols: 128,
    bits,
    block,
    codes,
    scales,
    mins: mins === 'none' ? null : scales.map(shift),
  };
};

describe('quantiseBlocks', () => {
  it.each(vectors.cases)('equals ONNX Runtime: $bits bits, block $block, symmetric $symmetric', async (expected) => {
    const { block, symmetric } = expected;
    const bits = expected.bits as 4 | 8;
    const spec: BlockSpec = { bits, block, shift: symmetric ? 'none' : 'zero-points' };
    const matrix = matrixOf({ kind: 'float', rows: ROWS, cols: COLS, values: VALUES }, { kind: 'float', bits: 32 });
    const { sum, ...packed } = await pack(matrix, spec);
    expect(Float32Array.from(packed.scales, (scale) => scale + 0)).toEqual(
      Float32Array.from(expected.scales, (scale) => scale + 0),
    ); // -0 is 0
    expect([...packed.codes]).toEqual(expected.codes);
    // A block of zeros has any zero point.
    const scaled = expected.scales.map((scale) => scale !== 0);
    if (expected.zeroPoints) {
      const zero = (bytes: ArrayLike<number>) =>
        scaled.map((is, i) => is && (bits === 8 ? bytes[i]! : (bytes[zeroByte(i, block)]! >> (4 * (i & 1))) & 15));
      if (COLS / block > 1 || bits === 8) expect(zero(packed.zeroPoints!)).toEqual(zero(expected.zeroPoints));
    }
    const restored = unpack(packed, ROWS, COLS, spec);
    let error = 0;
    for (let i = 0; i < VALUES.length; i++) error += (VALUES[i]! - restored[i]!) ** 2;
    expect(sum.error).toBeCloseTo(error, 6);
    expect(sum.weights).toBeCloseTo(
      VALUES.reduce((total, value) => total + value * value, 0),
      4,
    );
    expect(sum.error).toBeLessThan(sum.weights * (bits === 4 ? 0.02 : 0.0001));
  });

  it('puts a weight of largest magnitude on a code of its own', () => {
    const values = new Float32Array(16).fill(0.5);
    values[3] = -2;
    const { codes, scales } = quantiseBlocks(values, 1, 16, { bits: 4, block: 16, symmetric: true });
    expect(scales[0]).toBe(0.25);
    expect(codes[3]).toBe(0);
  });
});

const zeroByte = (i: number, block: number) => {
  const blocks = COLS / block;
  return Math.floor(i / blocks) * Math.ceil(blocks / 2) + ((i % blocks) >> 1);
};

describe('packBlocks', () => {
  const cases: [string, BlockRows, BlockSpec][] = [
    ['4 bits', randomBlocks(4, 32, 'none'), { bits: 4, block: 32, shift: 'none' }],
    ['4 bits as 8', randomBlocks(4, 32, 'none'), { bits: 8, block: 32, shift: 'none' }],
    ['8 bits cut finer', randomBlocks(8, 128, 'none'), { bits: 8, block: 32, shift: 'none' }],
    ['4 bits with mins', randomBlocks(4, 32, 'float'), { bits: 4, block: 32, shift: 'mins' }],
    ['4 bits with zero points', randomBlocks(4, 32, 'integral'), { bits: 4, block: 32, shift: 'zero-points' }],
    ['an odd number of zero points', randomBlocks(4, 128, 'integral'), { bits: 4, block: 128, shift: 'zero-points' }],
    ['4 bits with zero points as 8', randomBlocks(4, 32, 'integral'), { bits: 8, block: 16, shift: 'zero-points' }],
  ];

  it.each(cases)('is exact: %s', async (_, rows, spec) => {
    const form: BlockForm = {
      kind: 'blocks',
      bits: rows.bits,
      block: rows.block,
      symmetric: !rows.mins,
      integral: spec.shift === 'zero-points',
    };
    expect(holdsExactly(form, spec)).toBe(true);
    const { sum, ...packed } = await pack(matrixOf(rows, form), spec);
    expect(sum).toEqual({ error: 0, weights: 0 });
    const wanted = dequantise(rows);
    unpack(packed, rows.rows, rows.cols, spec).forEach((value, i) => expect(value).toBeCloseTo(wanted[i]!, 6));
  });

  it('takes a range of rows', async () => {
    const rows = randomBlocks(4, 32, 'none');
    const spec: BlockSpec = { bits: 4, block: 32, shift: 'none' };
    const matrix = matrixOf(rows, { kind: 'blocks', bits: 4, block: 32, symmetric: true });
    const all = await pack(matrix, spec);
    const last = await pack(matrix, spec, 2, 1);
    expect(last.codes).toEqual(all.codes.slice(128));
    expect(last.scales).toEqual(all.scales.slice(8));
  });

  it('refuses zero points that are none', async () => {
    const rows = randomBlocks(4, 32, 'none');
    rows.mins = rows.scales.map((scale) => scale * 20);
    const matrix = matrixOf(rows, { kind: 'blocks', bits: 4, block: 32, symmetric: false, integral: true });
    await expect(pack(matrix, { bits: 4, block: 32, shift: 'zero-points' })).rejects.toThrow('does not fit 4 bits');
  });
});

describe('holdsExactly', () => {
  it.each([
    [{ kind: 'blocks', bits: 8, block: 32, symmetric: true }, { bits: 4, block: 32, shift: 'none' }, false],
    [{ kind: 'blocks', bits: 4, block: 16, symmetric: true }, { bits: 4, block: 32, shift: 'none' }, false],
    [{ kind: 'blocks', bits: 4, block: 32, symmetric: false }, { bits: 4, block: 32, shift: 'none' }, false],
    [{ kind: 'blocks', bits: 4, block: 32, symmetric: false }, { bits: 4, block: 32, shift: 'zero-points' }, false],
    [{ kind: 'blocks', bits: 4, block: 32, symmetric: false }, { bits: 8, block: 16, shift: 'mins' }, true],
    [{ kind: 'float', bits: 16 }, { bits: 8, block: 32, shift: 'mins' }, false],
  ] as [Matrix['form'], BlockSpec, boolean][])('%j as %j: %s', (form, spec, expected) => {
    expect(holdsExactly(form, spec)).toBe(expected);
  });
});
