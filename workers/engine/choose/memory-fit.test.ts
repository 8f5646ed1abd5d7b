import { describe, expect, it } from 'vitest';
import { emptyCheckpoint, PHI_4_MINI, PHI_TINY_MOE, Q8_0 } from '../../shared/advisor/testing/planned.ts';
import { assertNetwork } from './memory-fit.ts';

describe('assertNetwork', () => {
  it('refuses a mixture of experts on WebNN alone, with the reason', () => {
    const mixture = emptyCheckpoint({ ...PHI_TINY_MOE, layers: 1 }, Q8_0);
    expect(() => assertNetwork(mixture, 'webnn')).toThrow(/WebNN: a mixture of experts .* all 16 experts/);
    for (const backend of ['webgpu', 'wasm'] as const) expect(() => assertNetwork(mixture, backend)).not.toThrow();
    expect(() => assertNetwork(emptyCheckpoint(PHI_4_MINI, Q8_0), 'webnn')).not.toThrow();
  });
});
