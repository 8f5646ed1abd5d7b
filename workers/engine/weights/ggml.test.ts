import { describe, expect, it } from 'vitest';
import { GGML_TYPES, ggmlTypeName } from './ggml.ts';
import fixture from './ggml.vectors.json' with { type: 'json' };
import { dequantise } from './rows.ts';

const bytesOf = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));

describe('ggml types', () => {
  it('has a vector for every type', () => {
    expect(fixture.vectors.map((vector) => vector.id).sort()).toEqual([...GGML_TYPES.keys()].sort());
  });

  it.each(fixture.vectors)(
    `$name gives the values of ${fixture.reference}`,
    ({ id, name, rows, cols, bytes, float32 }) => {
      const type = GGML_TYPES.get(id)!;
      const expected = new Float32Array(bytesOf(float32).buffer);
      const decoded = type.decode(bytesOf(bytes), rows, cols);
      const values = dequantise(decoded);
      expect(ggmlTypeName(id)).toBe(name);
      expect(values.length).toBe(rows * cols);
      expect(decoded.kind).toBe(type.form.kind);
      if (decoded.kind === 'float') return expect(values).toEqual(expected);
      if (type.form.kind === 'blocks') {
        const { bits, block, codes, mins } = decoded;
        expect({ kind: 'blocks', bits, block, symmetric: mins === null }).toEqual(type.form);
        expect(Math.max(...codes)).toBeLessThan(2 ** bits);
        // On both sides of zero, so that a minimum is no larger than it need be.
        expect(Math.min(...codes)).toBeLessThan(2 ** (bits - 1));
        expect(Math.max(...codes)).toBeGreaterThanOrEqual(2 ** (bits - 1));
      }
      for (let i = 0; i < values.length; i++) {
        const at = Math.floor(i / decoded.block);
        // Without a minimum it is the same product of two floats; with one, the reference rounds twice.
        const rounding = decoded.mins
          ? (Math.abs(decoded.scales[at]!) * 2 ** (decoded.bits - 1) + Math.abs(decoded.mins[at]!)) * 2 ** -23
          : 0;
        expect(Math.abs(values[i]! - expected[i]!), `weight ${i}`).toBeLessThanOrEqual(rounding);
      }
    },
  );
});
