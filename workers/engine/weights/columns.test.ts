import { describe, expect, it } from 'vitest';
import type { Matrix } from './matrix.ts';
import { uniforms } from '../generate/random.ts';
import { plainColumns, plainRows } from './columns.ts';
import { simdColumns, simdRows, suitsSimd, type Fold } from './columns-simd.ts';
import { blockRotation, centred, rotation } from './rotate.ts';
import type { Rows } from './rows.ts';

type Kind = 'float' | 'symmetric' | 'mins' | 'bytes';

/** Random weights with outliers, a row of zeros among them. */
function matrixOf(kind: Kind, rows: number, cols: number, block = 32): Matrix {
  const random = uniforms(rows * cols + block);
  const spread = () => (random() - 0.5) * (random() < 0.01 ? 40 : 1);
  const whole: Rows =
    kind === 'float'
      ? { kind, rows, cols, values: Float32Array.from({ length: rows * cols }, (_, i) => (i < cols ? 0 : spread())) }
      : {
          kind: 'blocks',
          rows,
          cols,
          bits: kind === 'bytes' ? 8 : 4,
          block,
          codes: Uint8Array.from({ length: rows * cols }, () => random() * (kind === 'bytes' ? 256 : 16)),
          scales: Float32Array.from({ length: (rows * cols) / block }, spread),
          mins: kind === 'mins' ? Float32Array.from({ length: (rows * cols) / block }, spread) : null,
        };
  const part = <T extends Float32Array | Uint8Array>(values: T, start: number, count: number) =>
    values.slice((start * values.length) / rows, ((start + count) * values.length) / rows) as T;
  return {
    name: kind,
    rows,
    cols,
    type: kind,
    form:
      whole.kind === 'float'
        ? { kind: 'float', bits: 32 }
        : { kind: 'blocks', bits: whole.bits, block, symmetric: !whole.mins },
    read: (start, count) =>
      Promise.resolve(
        whole.kind === 'float'
          ? { ...whole, rows: count, values: part(whole.values, start, count) }
          : {
              ...whole,
              rows: count,
              codes: part(whole.codes, start, count),
              scales: part(whole.scales, start, count),
              mins: whole.mins && part(whole.mins, start, count),
            },
      ),
  };
}

const factorsOf = (count: number) => {
  const random = uniforms(count);
  return Float32Array.from({ length: count }, () => 0.5 + random());
};

const CASES: [string, Matrix, Fold][] = [
  ['float, nothing folded', matrixOf('float', 80, 64), {}],
  [
    'a norm, a rotation with a prime, factors of rows',
    matrixOf('mins', 208, 96),
    { inputFactors: factorsOf(96), inputs: rotation(96), rowFactor: (row) => (row < 100 ? 1 / Math.sqrt(96) : 1) },
  ],
  ['an even number of levels, two primes', matrixOf('symmetric', 64, 960), { inputs: rotation(960) }],
  ['an odd number of levels', matrixOf('bytes', 32, 128, 16), { inputs: rotation(128) }],
  [
    'blocks of inputs, the outputs rotated',
    matrixOf('mins', 192, 128),
    { inputs: blockRotation(32, 0, 96), outputs: rotation(192) },
  ],
  [
    'some of the outputs rotated',
    matrixOf('symmetric', 160, 64),
    { inputFactors: factorsOf(64), outputs: blockRotation(16, 96, 160) },
  ],
  ['outputs without their mean', matrixOf('mins', 96, 64), { outputs: centred(rotation(96), 96) }],
];

const bits = ({ codes, scales }: { codes: Int8Array; scales: Float32Array }) => [
  Buffer.from(codes.buffer, codes.byteOffset, codes.byteLength).toString('base64'),
  Buffer.from(scales.buffer, scales.byteOffset, scales.byteLength).toString('base64'),
];

describe('weights by channel in SIMD are those of TypeScript, bit for bit', () => {
  it.each(CASES)('%s', async (_, matrix, fold) => {
    expect(suitsSimd(matrix, fold)).toBe(true);
    const columns = await simdColumns(matrix, fold);
    expect(new Set(columns.codes).size).toBeGreaterThan(100);
    expect(bits(columns)).toEqual(bits(await plainColumns(matrix, fold)));
    if (!fold.outputs) expect(bits(await simdRows(matrix, fold))).toEqual(bits(await plainRows(matrix, fold)));
  });

  it('leaves other shapes to TypeScript', () => {
    expect(suitsSimd(matrixOf('float', 80, 60), {})).toBe(false);
    expect(suitsSimd(matrixOf('float', 72, 64), {})).toBe(false);
    expect(suitsSimd(matrixOf('float', 64, 96), { inputs: blockRotation(6, 0, 96) })).toBe(false);
  });
});
