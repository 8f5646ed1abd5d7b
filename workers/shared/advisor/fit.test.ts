import { describe, expect, it } from 'vitest';
import { gpuBudget, memoryBudget, WASM_BYTES, type DeviceFacts } from './device.ts';
import { estimateWasm, estimateWebgpu, estimateWebnn } from './estimate.ts';
import { assess, isAbsent, isSlow, type Candidate, type Fit } from './fit.ts';
import { INT4, PHI_4, PHI_4_MINI, PHI_TINY_MOE, Q4_K_M, Q8_0, STARTER } from './testing/planned.ts';

const GB = 1e9;
const GPU = { float16: true, bindingBytes: 2 ** 31 - 1, software: false };
const laptop: DeviceFacts = {
  memoryGiB: 16,
  freeStorageBytes: 100 * GB,
  gpu: GPU,
  webnn: null,
  phone: false,
  ios: false,
  isolated: true,
  cores: 8,
};
const iphone: DeviceFacts = { ...laptop, memoryGiB: null, phone: true, ios: true };

const mini: Candidate = { id: 'mini', shape: PHI_4_MINI, mix: Q4_K_M, bits: 4, sourceBytes: 2_491_874_688 };
const large: Candidate = {
  id: 'large',
  shape: PHI_4,
  mix: { ...Q4_K_M, embedding: 4 },
  bits: 4,
  sourceBytes: 9_053_114_816,
};
const starter: Candidate = { id: 'starter', shape: STARTER, mix: Q4_K_M, bits: 4, sourceBytes: 98_362_432 };

const on = (fits: Fit[], backend: string) => fits.find(({ estimate }) => estimate.backend === backend)!;

describe('an estimate', () => {
  it('is the sum of its parts, and only cache and working space grow with the context', () => {
    const request = { shape: PHI_4_MINI, mix: Q4_K_M, gpu: GPU };
    for (const at of [
      (slots: number) => estimateWasm({ ...request, slots }),
      (slots: number) => estimateWebgpu({ ...request, slots }, 'int4'),
    ]) {
      const [short, long] = [at(1024), at(4096)];
      expect(long.totalBytes).toBe(long.weightsBytes + long.cacheBytes + long.workingBytes);
      expect(long.weightsBytes).toBe(short.weightsBytes);
      expect(long.cacheBytes).toBe(4 * short.cacheBytes);
      expect(long.workingBytes).toBeGreaterThan(short.workingBytes);
    }
  });

  it('counts the cache in 32 bits on WASM, in 16 on a GPU that has them', () => {
    const request = { shape: PHI_4_MINI, mix: Q4_K_M, slots: 4096 };
    expect(estimateWasm(request).cacheBytes).toBe(4096 * 262_144);
    expect(estimateWebgpu({ ...request, gpu: GPU }, 'int4').cacheBytes).toBe(4096 * 131_072);
    expect(estimateWebgpu({ ...request, gpu: { ...GPU, float16: false } }, 'int4').cacheBytes).toBe(4096 * 262_144);
  });

  it('never counts more context than the model has', () => {
    expect(estimateWasm({ shape: STARTER, slots: 100_000 })).toEqual(
      estimateWasm({ shape: STARTER, slots: STARTER.context }),
    );
  });

  it('counts three copies of the weights while LiteRT builds, two of a graph of constants, one that tensors share', () => {
    const request = { shape: STARTER, mix: INT4, slots: 1024, gpu: GPU };
    const gpu = estimateWebgpu(request, 'int4');
    const of = (device: 'cpu' | 'gpu' | 'npu', form: 'int4' | 'int8' | 'float16') => {
      const { totalBytes, weightsBytes, workingBytes, cacheBytes } = estimateWebnn(request, device, form);
      expect(totalBytes).toBe(weightsBytes + workingBytes + cacheBytes);
      return (workingBytes - gpu.workingBytes) / weightsBytes;
    };
    expect(of('gpu', 'int4')).toBe(1);
    expect(of('npu', 'int4')).toBe(1);
    expect(of('npu', 'int8')).toBe(0);
    expect(of('npu', 'float16')).toBe(0);
    expect(Math.round(of('cpu', 'int4'))).toBe(2);
  });

  it('of a 14B Phi is what an NPU holds, one byte a weight, not what LiteRT copies', () => {
    const request = { shape: PHI_4, mix: { ...Q4_K_M, embedding: 4 as const }, slots: 4096, gpu: GPU };
    expect(estimateWebnn(request, 'npu', 'int8').totalBytes / GB).toBeCloseTo(15.6, 0);
    expect(estimateWebnn(request, 'npu', 'int4-columns').totalBytes / GB).toBeCloseTo(8.8, 0);
    expect(estimateWebnn(request, 'cpu', 'float32').totalBytes / GB).toBeGreaterThan(150);
  });

  it('cuts a model for WASM into the fewest stages that fit, each in a memory of its own', () => {
    const whole = estimateWasm({ shape: PHI_4_MINI, slots: 2048 });
    expect(whole).toMatchObject({ stages: 1 });
    expect(whole.heapBytes).toBeGreaterThan(WASM_BYTES);
    const cut = estimateWasm({ shape: PHI_4_MINI, slots: 2048 }, 8);
    expect(cut.stages).toBe(2);
    expect(cut.heapBytes).toBeLessThan(WASM_BYTES);
    expect(whole.weightsBytes - cut.weightsBytes).toBeGreaterThan(614e6); // the embedding's rows come from the store
    expect(estimateWasm({ shape: PHI_4, slots: 2048 }, 8).stages).toBeGreaterThan(3);
  });
});

describe('the memory of a tab', () => {
  it.each([
    ['an iPhone, whatever it has', { ...iphone, memoryGiB: 8 }, 1.5 * GB, 'exact'],
    ['a phone of 4 GiB', { ...laptop, phone: true, memoryGiB: 4 }, 2 * 2 ** 30, 'exact'],
    ['a phone that does not tell', { ...laptop, phone: true, memoryGiB: null }, 2 * 2 ** 30, 'assumed'],
    ['a computer of 16 GiB', laptop, 12 * 2 ** 30, 'exact'],
    ['a computer at the cap of 8', { ...laptop, memoryGiB: 8 }, 6 * 2 ** 30, 'at-least'],
    ['a computer that does not tell', { ...laptop, memoryGiB: null }, 6 * 2 ** 30, 'assumed'],
  ] as const)('of %s', (_, device, bytes, certainty) => {
    expect(memoryBudget(device)).toEqual({ bytes, certainty });
  });

  it('leaves a GPU half of the main memory, and on a phone what the tab has', () => {
    expect(gpuBudget(laptop)).toBe(8 * 2 ** 30);
    expect(gpuBudget(iphone)).toBe(1.5 * GB);
  });
});

describe('a model', () => {
  it('that fits says on what, with the made form in what it stores', () => {
    const { verdict, fits, storeBytes } = assess(starter, { ...laptop, gpu: null }, 2048);
    expect([verdict, fits[0].estimate.backend, fits[0].reasons]).toEqual([
      'fits',
      'wasm',
      [{ key: 'pace', tokensPerSecond: expect.any(Number) as unknown }],
    ]);
    expect(storeBytes).toBe(starter.sourceBytes + fits[0].estimate.weightsBytes);
  });

  it('does not count a made form for which there is no room', () => {
    const { storeBytes } = assess(starter, { ...laptop, gpu: null, freeStorageBytes: 0.4 * GB }, 2048);
    expect(storeBytes).toBe(starter.sourceBytes);
  });

  it('larger than a WASM memory is told so with both figures', () => {
    const { verdict, fits } = assess(mini, { ...laptop, gpu: null }, 4096, 1);
    const [reason] = on(fits, 'wasm').reasons;
    expect(verdict).toBe('no');
    expect(fits[0].estimate.backend).toBe('wasm'); // what is not there explains nothing
    expect(reason).toMatchObject({ key: 'wasm-limit', has: 4 * 2 ** 30 });
    expect((reason as { needs: number }).needs).toBeGreaterThan(5 * GB);
    expect(on(fits, 'webgpu').reasons).toEqual([{ key: 'no-webgpu' }]);
    expect(on(fits, 'webnn').reasons).toEqual([{ key: 'no-webnn' }]);
  });

  it('runs on WASM in stages where the build can cut it and the device has the memory', () => {
    const { verdict, fits } = assess(mini, { ...laptop, gpu: null }, 2048, 8);
    expect([verdict, on(fits, 'wasm').reasons]).toEqual([
      'fits',
      [expect.objectContaining({ key: 'slow' }), { key: 'stages', stages: 2 }],
    ]);
    expect(assess(mini, { ...laptop, gpu: null, memoryGiB: 4 }, 2048, 8).verdict).toBe('no');
  });

  it('is not offered to an iPhone that cannot hold it', () => {
    const { verdict, fits } = assess(mini, iphone, 2048);
    expect(verdict).toBe('no');
    expect(on(fits, 'webgpu').reasons[0]).toMatchObject({ key: 'ios-limit', has: 1.5 * GB });
    expect(assess(starter, iphone, 2048).verdict).toBe('fits');
  });

  it('that needs more than the browser tells of is unsure, not refused', () => {
    expect(assess(large, { ...laptop, memoryGiB: 8 }, 4096)).toMatchObject({
      verdict: 'unsure',
      fits: [{ reasons: [{ key: 'memory-unsure' }] }, {}, {}],
    });
    expect(assess(large, { ...laptop, memoryGiB: null }, 4096).verdict).toBe('unsure');
    expect(assess(large, { ...laptop, memoryGiB: 4 }, 4096)).toMatchObject({
      verdict: 'no',
      fits: [{ reasons: [{ key: 'memory' }] }, {}, {}],
    });
  });

  it('beyond half of the main memory is unsure on a GPU, whose memory no page sees', () => {
    expect(assess(large, laptop, 4096)).toMatchObject({
      verdict: 'unsure',
      fits: [{ reasons: [{ key: 'gpu-unsure' }] }, {}, {}],
    });
    expect(assess(large, { ...laptop, memoryGiB: 32 }, 4096).verdict).toBe('fits');
  });

  it('whose cache is larger than a GPU buffer is told how much context would do', () => {
    const device = { ...laptop, gpu: { ...GPU, bindingBytes: 128 * 2 ** 20 } };
    const [reason] = on(assess(mini, device, 131_072).fits, 'webgpu').reasons;
    expect(reason).toEqual({ key: 'gpu-context', needs: 8 * 131_072 * 128 * 2, has: 128 * 2 ** 20, tokens: 65_536 });
    expect(on(assess(mini, device, 65_536).fits, 'webgpu').reasons[0]?.key).not.toBe('gpu-context');
  });

  it('prefers a real GPU to WASM, and WASM to a software adapter', () => {
    expect(assess(starter, laptop, 2048).fits[0].estimate.backend).toBe('webgpu');
    expect(assess(starter, { ...laptop, gpu: { ...GPU, software: true } }, 2048).fits[0].estimate.backend).toBe('wasm');
  });

  it('is unsure on WebNN before it was tried, and says when WASM has one thread', () => {
    const { fits } = assess(starter, { ...laptop, webnn: 'system', isolated: false }, 2048);
    expect(on(fits, 'webnn')).toMatchObject({ verdict: 'unsure', reasons: [{ key: 'webnn-trial' }] });
    expect(on(fits, 'wasm')).toMatchObject({ verdict: 'fits', reasons: [{ key: 'pace' }, { key: 'one-thread' }] });
  });

  it('with experts is refused on WebNN by that reason, whatever the browser has', () => {
    const experts = { ...mini, shape: PHI_TINY_MOE };
    for (const webnn of [null, 'cpu', 'system'] as const) {
      const webnnFit = on(assess(experts, { ...laptop, memoryGiB: 128, webnn }, 2048).fits, 'webnn');
      expect(webnnFit).toMatchObject({ verdict: 'no', reasons: [{ key: 'experts' }] });
      expect(isAbsent(webnnFit)).toBe(true);
    }
    expect(isAbsent(on(assess(mini, { ...laptop, webnn: 'system' }, 2048).fits, 'webnn'))).toBe(false);
  });

  it('for which the store has no room is refused whatever else fits', () => {
    expect(assess(mini, { ...laptop, freeStorageBytes: GB }, 2048)).toMatchObject({
      verdict: 'no',
      reasons: [{ key: 'storage', needs: mini.sourceBytes, has: GB }],
    });
    expect(assess(mini, { ...laptop, freeStorageBytes: null }, 2048).verdict).toBe('fits');
  });

  it('of 8 bits is kept in 8-bit blocks on a GPU', () => {
    const { fits } = assess({ ...mini, mix: Q8_0, bits: 8 }, laptop, 2048);
    expect(on(fits, 'webgpu').estimate.form).toBe('int8-blocks');
  });

  it('on the processor alone is told how slow it will be, and a GPU of its own is not judged by that', () => {
    const twoCores = { ...laptop, gpu: null, cores: 2 };
    const slow = assess(mini, twoCores, 2048);
    expect(slow.verdict).toBe('fits');
    expect(isSlow(slow)).toBe(true);
    // Measured there: 1.05 (docs/performance.md).
    expect(slow.fits[0].reasons[0]).toMatchObject({ key: 'slow', tokensPerSecond: expect.closeTo(1.05, 1) as number });
    expect(isSlow(assess(starter, twoCores, 2048))).toBe(false);
    expect(isSlow(assess(mini, { ...twoCores, gpu: GPU }, 2048))).toBe(false);
    expect(isSlow(assess(mini, { ...laptop, gpu: null, isolated: false }, 2048))).toBe(true);
  });
});
