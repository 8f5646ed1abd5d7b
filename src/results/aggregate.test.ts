import { describe, expect, it } from 'vitest';
import type { CompareResult } from '../compare/result.ts';
import { gpuRow, npuRow, result, row } from '../compare/testing/results.ts';
import { entriesOf, EVERYTHING, filtered, groupsOf, pairsOf } from './aggregate.ts';
import type { Machine } from './collection.ts';
import { machineFile } from './machine-file.ts';

const machine = (file: string, ...results: CompareResult[]): Machine => ({
  file,
  ...machineFile(file, '', results[0]!),
  results,
});
const laptop = machine('laptop', result([npuRow([18, 19, 20]), gpuRow([57, 60, 61]), row()]));
const desktop = machine('desktop', result([gpuRow([118, 120, 121])]), result([gpuRow([138, 140, 141])]));

describe('the collection', () => {
  it('counts each machine once, with the median of its own figures', () => {
    const groups = groupsOf(entriesOf([laptop, desktop]));
    const gpu = groups.find(({ name }) => name === 'WebGPU GPU, int4')!;
    // 60 of the laptop, 130 of the desktop.
    expect(gpu).toMatchObject({ machines: 2, decode: { median: 95, spread: 70, rounds: 2 }, unsteady: 0 });
    expect(groups.map(({ name }) => name)).toEqual(['WebGPU GPU, int4', 'WASM threads, int8', 'WebNN NPU, int8']);
  });

  it('leaves out what is wrong, unsteady or struck by an erratum', () => {
    const wrong = gpuRow();
    wrong.agreement!.atGap07 = { equal: 1, steps: 100, share: 0.01 };
    expect(entriesOf([machine('x', result([wrong]))])).toEqual([]);
    const [shaky] = groupsOf(entriesOf([machine('x', result([gpuRow([50, 60, 70])]))]));
    expect(shaky).toMatchObject({ decode: null, unsteady: 1, machines: 1 });
    const struck = {
      ...laptop,
      errata: [{ date: '2026-12-01', text: 'Old driver.', leftOut: [{ date: result().date, label: 'WebGPU' }] }],
    };
    expect(entriesOf([struck]).map(({ row }) => row.label)).toEqual(['WebNN NPU', 'WASM threads']);
  });

  it('keeps rows of another model apart', () => {
    const tiny = gpuRow();
    Object.assign(tiny, { otherModel: true, model: 'Tiny Phi' });
    const groups = groupsOf(entriesOf([machine('x', result([tiny, gpuRow()]))]));
    expect(groups.map(({ model }) => model)).toEqual(['SmolLM2 135M Instruct (Q4_1)', 'Tiny Phi']);
  });

  it('sets NPU against GPU on one machine only', () => {
    const [pair, ...others] = pairsOf(entriesOf([laptop, desktop]));
    expect(others).toEqual([]);
    expect(pair).toMatchObject({ machine: laptop, decode: { value: 19 / 60 } });
  });

  it('is filtered by device, backend, model, system and software', () => {
    const all = entriesOf([laptop, desktop]);
    const count = (part: Partial<typeof EVERYTHING>) => filtered(all, { ...EVERYTHING, ...part }).length;
    expect(count({})).toBe(5);
    expect(count({ kind: 'npu' })).toBe(1);
    expect(count({ backend: 'webgpu' })).toBe(3);
    expect(count({ model: 'another' })).toBe(0);
    expect(count({ system: 'Windows' })).toBe(5);
    const software = machine('soft', { ...result(), machine: { ...result().machine, adapter: 'SwiftShader' } });
    expect(filtered(entriesOf([software]), { ...EVERYTHING, software: false })).toEqual([]);
  });
});
