import { describe, expect, it } from 'vitest';
import {
  emptyCheckpoint,
  INT4,
  PHI_3_MINI,
  PHI_4_MINI,
  PHI_TINY_MOE,
  Q4_K_M,
  Q8_0,
} from '../../shared/advisor/testing/planned.ts';
import { parameterCount } from '../../shared/advisor/weights.ts';
import { webnnPlan } from '../webnn/weights.ts';
import { layout } from '../weights/plan.ts';
import { assertNetwork, sourceMix, weightBytes, weightCount } from './memory-fit.ts';

describe('what is known of a checkpoint before it is read', () => {
  it.each([
    ['Q4_K_M', Q4_K_M],
    ['ONNX int4', INT4],
    ['Q8_0', Q8_0],
  ])('is what the advisor says of its variant: %s', (_, mix) => {
    const checkpoint = emptyCheckpoint(PHI_3_MINI, mix);
    expect(sourceMix(checkpoint)).toEqual(mix);
    expect(weightCount(checkpoint)).toBe(parameterCount(PHI_3_MINI, mix.embedding === 'tied'));
  });

  it.each(['int8', 'int4-columns', 'int4-groups'] as const)('is what WebNN lays out for an NPU in %s', (form) => {
    const checkpoint = emptyCheckpoint(PHI_4_MINI, Q4_K_M);
    const { groups } = webnnPlan(checkpoint, form, null, 'npu');
    const planned = Object.values(groups)
      .flat(2)
      .reduce((sum, group) => sum + layout(group).bytes, 0);
    expect(weightBytes(checkpoint, form) / planned).toBeCloseTo(1, 2);
  });
});

describe('assertNetwork', () => {
  it('refuses a mixture of experts on WebNN alone, with the reason', () => {
    const mixture = emptyCheckpoint({ ...PHI_TINY_MOE, layers: 1 }, Q8_0);
    expect(() => assertNetwork(mixture, 'webnn')).toThrow(/WebNN: a mixture of experts .* all 16 experts/);
    for (const backend of ['webgpu', 'wasm'] as const) expect(() => assertNetwork(mixture, backend)).not.toThrow();
    expect(() => assertNetwork(emptyCheckpoint(PHI_4_MINI, Q8_0), 'webnn')).not.toThrow();
  });
});
