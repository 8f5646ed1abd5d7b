import { describe, expect, it } from 'vitest';
import {
  absentRows,
  customMeasures,
  entries,
  estimateRow,
  fitLengths,
  fitTests,
  headlineLength,
  KINDS,
  SETTINGS,
  shuffle,
  testName,
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

  it('has llama-bench’s tests as far as the context goes, by its names', () => {
    const names = (context: number) => fitTests(SETTINGS.full, context).map(testName);
    expect(names(8192)).toEqual(['pp512', 'tg128', 'pp512 @ d1024', 'tg128 @ d1024', 'pp512 @ d4096', 'tg128 @ d4096']);
    expect(names(4300)).toEqual(['pp512', 'tg128', 'pp512 @ d1024', 'tg128 @ d1024', 'tg128 @ d4096']);
    expect(names(1024)).toEqual(['pp512', 'tg128']);
    expect(fitTests({ tests: null }, 8192)).toEqual([]);
  });

  it('takes other measures from the address, and names what is wrong with them', () => {
    expect(customMeasures('?fake=plain')).toBeNull();
    expect(customMeasures('?prompts=128,16&tokens=8')).toEqual({
      lengths: [16, 128],
      decodeTokens: 8,
      rounds: 3,
      loads: 1,
      tests: null,
      tasks: false,
      pauseSeconds: 0,
    });
    expect(customMeasures('?pp=64&tg=16&depths=0,128&pause=5')).toMatchObject({
      tests: { pp: 64, tg: 16, depths: [0, 128] },
      pauseSeconds: 5,
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
    const { quick } = SETTINGS;
    expect(estimateRow('webgpu', 98e6, { ...quick, tasks: true })).toBeGreaterThan(estimateRow('webgpu', 98e6, quick));
    expect(estimateRow('webgpu', 98e6, { ...quick, tests: null })).toBeLessThan(estimateRow('webgpu', 98e6, quick));
  });
});

describe('absentRows', () => {
  it('names what a browser cannot run for want of an interface', () => {
    expect(absentRows({ ml: true, gpu: true, isolated: true })).toEqual([]);
    expect(absentRows({ ml: false, gpu: true, isolated: true })).toEqual(['webnn-npu', 'webnn-gpu', 'webnn-cpu']);
    expect(absentRows({ ml: true, gpu: false, isolated: false })).toEqual(['webgpu', 'wasm-threads']);
  });
});
