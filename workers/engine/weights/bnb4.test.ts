import { describe, expect, it } from 'vitest';
import { BNB4_TABLES, unpackBnb4 } from './bnb4.ts';
import vectors from './bnb4.vectors.json' with { type: 'json' };

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'base64'));
const floats = (text: string): Float32Array => new Float32Array(bytes(text).buffer);

/** Recorded by scripts/make/bnb4-vectors.py. */
describe('4-bit floats of bitsandbytes are those of onnxruntime', () => {
  it.each(vectors)('$kind [$n, $k] in blocks of $block', ({ kind, n, k, block, packed, absmax, values }) => {
    const { values: table } = BNB4_TABLES.find(({ name }) => name === kind)!;
    const [codes, scales, expected] = [bytes(packed), floats(absmax), floats(values)];
    expect(unpackBnb4(codes, scales, table, block, 0, n * k)).toEqual(expected);
    // From a row in the middle, and from a code in the middle of a byte.
    for (const first of [2 * k, k + 5]) {
      const rest = unpackBnb4(
        codes.subarray(first >> 1),
        scales.subarray(Math.floor(first / block)),
        table,
        block,
        first,
        n * k - first,
      );
      expect(rest).toEqual(expected.subarray(first));
    }
  });
});
