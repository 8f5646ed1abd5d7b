import { describe, expect, it } from 'vitest';
import type { WebnnPlan } from './weights.ts';
import { cutIntoRuns, dialectFor, graphsFor, refuseFatalBuild, runCost, visibleSlots } from './plan.ts';

describe('the graphs of a device', () => {
  it('are one where width costs nothing, and one of single tokens with wide ones over tensors where every token costs', () => {
    expect(graphsFor('litert', 1.1, 'float32', false)).toMatchObject({ main: 16, prefill: [], recent: 64 });
    expect(graphsFor('litert', 3, 'float32', false).main).toBe(1);
    expect(graphsFor('litert', 3, 'float32', false).prefill.length).toBeGreaterThan(0);
    expect(graphsFor('litert', 3, 'int4', false).prefill).toEqual([]);
  });

  it('share one copy of the weights on an NPU, except where weights lie in blocks', () => {
    for (const form of ['int8', 'float16', 'int4-columns', 'int4-groups'] as const) {
      const { prefill, weights } = graphsFor('npu', 1.1, form, true);
      expect(prefill.length).toBeGreaterThan(0);
      expect(weights).toBe('inputs');
    }
    expect(graphsFor('npu', 1.1, 'int4', true)).toMatchObject({ prefill: [], weights: 'constants' });
    expect(graphsFor('npu', 1.1, 'int4-columns', false)).toMatchObject({ prefill: [], weights: 'constants' });
  });

  it('are spelled for an NPU where one runs them, and nowhere else', () => {
    expect(dialectFor(['npu'], 1.1, 'npu')).toBe('npu');
    expect(dialectFor(null, 1.1, 'npu')).toBe('npu');
    expect(dialectFor(['npu'], 3, 'npu')).toBe('litert');
    expect(dialectFor(['gpu'], 1.1, 'npu')).toBe('litert');
    expect(dialectFor(null, 1.1, 'gpu')).toBe('litert');
    expect(dialectFor(['cpu'], 3, 'cpu')).toBe('litert');
  });

  it('refuses blocks that would kill the page, on the CPU alone', () => {
    const plan = (rows: number): WebnnPlan => ({
      form: 'int4',
      dialect: 'litert',
      residual: null,
      matrices: new Map([
        [
          'head',
          {
            rows,
            cols: 576,
            blocks: { bits: 4, block: 32, shift: 'none' },
            group: null,
            byRow: false,
            mins: false,
            pieces: ['head'],
            columns: [576],
          },
        ],
      ]),
      groups: { norms: [], head: [], layers: [], error: [] },
    });
    expect(() => refuseFatalBuild(['cpu'], plan(200_000))).toThrow(/float32/);
    expect(() => refuseFatalBuild(['cpu'], plan(1_000))).not.toThrow();
    expect(() => refuseFatalBuild(['gpu'], plan(200_000))).not.toThrow();
    expect(() => refuseFatalBuild(null, plan(200_000))).not.toThrow();
  });
});

describe('prefill', () => {
  it('looks at the least step of slots that covers what is settled', () => {
    expect([0, 256, 257, 1024, 1025, 5000].map((settled) => visibleSlots(settled, 4096))).toEqual([
      256, 256, 1024, 1024, 4096, 4096,
    ]);
    expect(visibleSlots(0, 128)).toBe(128);
    expect(visibleSlots(600, 700)).toBe(700);
  });

  it('cuts a chunk into the runs that cost least and hold it', () => {
    const costs = new Map([
      [1, runCost(1, false, 1024, 'litert')],
      [32, runCost(32, true, 256, 'litert')],
      [64, runCost(64, true, 256, 'litert')],
    ]);
    expect(cutIntoRuns(0, costs)).toEqual([]);
    expect(cutIntoRuns(1, costs)).toEqual([1]);
    expect(cutIntoRuns(64, costs)).toEqual([64]);
    for (const tokens of [3, 17, 40, 100, 128]) {
      const runs = cutIntoRuns(tokens, costs);
      expect(runs.reduce((sum, width) => sum + width, 0)).toBeGreaterThanOrEqual(tokens);
      expect(runs.slice(0, -1).reduce((sum, width) => sum + width, 0)).toBeLessThan(tokens);
    }
  });
});
