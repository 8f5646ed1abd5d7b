import { describe, expect, it } from 'vitest';
import {
  absentRows,
  customMeasures,
  entries,
  estimateRow,
  fitLengths,
  headlineLength,
  KINDS,
  SETTINGS,
  shuffle,
} from './plan.ts';

const ids = KINDS.map(({ id }) => id);

describe('plan', () => {
  it('has a row for each backend and device, or for each form of each', () => {
    expect(entries(ids, { everyForm: false }).map(({ label }) => label)).toEqual([
      'WebNN NPU',
      'WebNN GPU',
      'WebNN CPU',
      'WebGPU',
      'WASM threads',
      'WASM single',
    ]);
    expect(
      entries(['wasm-single', 'webgpu'], { everyForm: true }).map(({ target }) => `${target.backend} ${target.form}`),
    ).toEqual(['webgpu int4', 'webgpu int8-blocks', 'webgpu float16', 'webgpu float32', 'wasm int8', 'wasm float32']);
  });

  it('cuts lengths to the context', () => {
    expect(fitLengths(SETTINGS.full, 8192)).toEqual([32, 512, 2048]);
    expect(fitLengths(SETTINGS.full, 1024)).toEqual([32, 512, 960]);
    expect(fitLengths(SETTINGS.full, 256)).toEqual([32, 192]);
    expect(headlineLength([32, 512, 2048])).toBe(512);
    expect(headlineLength([40, 192])).toBe(192);
    expect(headlineLength([600])).toBe(600);
  });

  it('takes other measures from the address, and names what is wrong with them', () => {
    expect(customMeasures('?fake=plain')).toBeNull();
    expect(customMeasures('?prompts=128,16&tokens=8')).toEqual({
      lengths: [16, 128],
      decodeTokens: 8,
      rounds: 3,
      loads: 1,
    });
    expect(() => customMeasures('?rounds=1')).toThrow(/rounds=1 is not valid\. Give whole numbers from 3/);
    expect(() => customMeasures('?prompts=32,x')).toThrow(/prompts=32,x/);
  });

  it('shuffles without loss', () => {
    const order = shuffle([1, 2, 3, 4, 5, 6]);
    expect([...order].sort()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(shuffle([1, 2, 3], () => 0)).toEqual([2, 3, 1]);
  });

  it('expects more time for more work', () => {
    expect(estimateRow('wasm-single', 98e6, SETTINGS.full)).toBeGreaterThan(
      estimateRow('wasm-threads', 98e6, SETTINGS.full),
    );
    expect(estimateRow('webgpu', 98e6, SETTINGS.full)).toBeGreaterThan(estimateRow('webgpu', 98e6, SETTINGS.quick));
  });
});

describe('absentRows', () => {
  it('names what a browser cannot run for want of an interface', () => {
    expect(absentRows({ ml: true, gpu: true, isolated: true })).toEqual([]);
    expect(absentRows({ ml: false, gpu: true, isolated: true })).toEqual(['webnn-npu', 'webnn-gpu', 'webnn-cpu']);
    expect(absentRows({ ml: true, gpu: false, isolated: false })).toEqual(['webgpu', 'wasm-threads']);
  });
});
