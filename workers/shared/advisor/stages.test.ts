import { describe, expect, it } from 'vitest';
import { cutLayers } from './stages.ts';
import { PHI_4, PHI_4_MINI, STARTER } from './testing/planned.ts';
import { wasmWeightBytes } from './weights.ts';

describe('layers dealt out to stages', () => {
  it.each([1, 2, 3, 5])('are consecutive, none is left out, and none of %d stages is empty', (count) => {
    for (const shape of [PHI_4, PHI_4_MINI, STARTER, { ...STARTER, layers: 5 }]) {
      const ranges = cutLayers(shape, 'int8', count);
      expect(ranges).toHaveLength(count);
      let at = 0;
      for (const { from, to } of ranges) {
        expect(from).toBe(at);
        expect(to).toBeGreaterThan(from);
        at = to;
      }
      expect(at).toBe(shape.layers);
    }
  });

  it('gives the last one fewer, because it has the head', () => {
    const { layer, head } = wasmWeightBytes(PHI_4_MINI, 'int8');
    const [first, last] = cutLayers(PHI_4_MINI, 'int8', 2).map(({ from, to }) => (to - from) * layer);
    expect(Math.abs(first! - (last! + head))).toBeLessThan(layer);
  });
});
