import { describe, expect, it } from 'vitest';
import { wasmWeights } from '../../engine/wasm/weights.ts';
import { webgpuPlan } from '../../engine/webgpu/weights.ts';
import { layout, type WeightGroup } from '../../engine/weights/plan.ts';
import {
  emptyCheckpoint,
  INT4,
  PHI_3_MINI,
  PHI_4,
  PHI_4_MINI,
  PHI_TINY_MOE,
  Q4_K_M,
  Q8_0,
  STARTER,
} from './testing/planned.ts';
import { cacheBytesPerToken, gpuWeightBytes, parameterCount, wasmBytesPerToken, wasmWeightBytes } from './weights.ts';

const bytesOf = (groups: WeightGroup[]) => groups.reduce((sum, group) => sum + layout(group).bytes, 0);

describe('weights on WASM', () => {
  it.each([
    ['the starter', STARTER],
    ['Phi-4-mini', PHI_4_MINI],
    ['Phi-3-mini', PHI_3_MINI],
    ['Phi-4', PHI_4],
    ['Phi-tiny-MoE', PHI_TINY_MOE],
  ])('are those that the dialect lays out, to the byte: %s', (_, shape) => {
    const checkpoint = emptyCheckpoint(shape, Q4_K_M);
    for (const form of ['int8', 'float32'] as const) {
      const groups = wasmWeights(checkpoint, form);
      const weights = wasmWeightBytes(shape, form);
      expect(weights.all).toBe(bytesOf(groups));
      expect(weights.layer).toBe(bytesOf(groups.filter(({ location }) => location.startsWith('layers.0.'))));
      expect(weights.embedding).toBe(bytesOf(groups.filter(({ location }) => location === 'embedding')));
    }
  });

  it('of experts are read two at a time', () => {
    expect(wasmWeightBytes(PHI_TINY_MOE, 'int8').all / 1e9).toBeCloseTo(3.91, 2);
    expect(wasmBytesPerToken(PHI_TINY_MOE, 'int8') / 1e9).toBeCloseTo(1.17, 2);
    expect(wasmBytesPerToken(STARTER, 'int8')).toBe(
      wasmWeightBytes(STARTER, 'int8').all - wasmWeightBytes(STARTER, 'int8').embedding,
    );
  });

  it('of the starter are about 165 MB in int8', () => {
    expect(wasmWeightBytes(STARTER, 'int8').all / 1e6).toBeCloseTo(164, 0);
  });
});

describe('weights on WebGPU', () => {
  it.each([
    ['Phi-4-mini, Q4_K_M', PHI_4_MINI, Q4_K_M],
    ['Phi-4-mini, ONNX int4', PHI_4_MINI, INT4],
    ['Phi-3-mini, ONNX int4', PHI_3_MINI, INT4],
    ['Phi-3-mini, Q8_0', PHI_3_MINI, Q8_0],
    ['Phi-4, Q4_K_M', PHI_4, { ...Q4_K_M, embedding: 4 as const }],
    ['Phi-tiny-MoE, Q8_0', PHI_TINY_MOE, Q8_0],
  ])('are those of the plan within a thousandth: %s', (_, shape, mix) => {
    const checkpoint = emptyCheckpoint(shape, mix);
    for (const form of ['int8-blocks', ...(mix === Q8_0 ? [] : (['int4'] as const)), 'float16', 'float32'] as const) {
      for (const dtype of ['float16', 'float32'] as const) {
        const planned = bytesOf(webgpuPlan(checkpoint, { form, dtype, bindingBytes: 2 ** 31 - 1 }).groups);
        const estimated = gpuWeightBytes(shape, form, mix, dtype === 'float16').all;
        expect(Math.abs(estimated / planned - 1), `${form}, ${dtype}: ${estimated} for ${planned}`).toBeLessThan(0.001);
      }
    }
  });

  it('stay the same when a small binding limit cuts the head', () => {
    const whole = bytesOf(
      webgpuPlan(emptyCheckpoint(PHI_4_MINI, Q4_K_M), { form: 'int4', dtype: 'float16', bindingBytes: 128 * 2 ** 20 })
        .groups,
    );
    expect(Math.abs(gpuWeightBytes(PHI_4_MINI, 'int4', Q4_K_M, true).all / whole - 1)).toBeLessThan(0.001);
  });
});

describe('figures that were published', () => {
  it('are met: parameters', () => {
    expect(parameterCount(PHI_4_MINI, true)).toBe(3_836_021_760);
    expect(parameterCount(PHI_4, false)).toBe(14_659_507_200);
    expect(parameterCount(PHI_TINY_MOE, false) / 1e9).toBeCloseTo(3.76, 2);
  });

  it('are met: cache bytes per token in 16 bits', () => {
    expect(cacheBytesPerToken(PHI_3_MINI, 2)).toBe(393_216);
    expect(cacheBytesPerToken(PHI_4_MINI, 2)).toBe(131_072);
    expect(cacheBytesPerToken(PHI_4, 2)).toBe(204_800);
  });
});
