import { describe, expect, it } from 'vitest';
import { median, rowTable, toRatios, toRows, type Sample } from './report.ts';

const sample = (peer: Sample['peer'], task: Sample['task'], metric: Sample['metric'], value: number): Sample => ({
  peer,
  task,
  metric,
  value,
});

describe('median', () => {
  it('takes the middle one, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 9, 2])).toBe(3);
  });
});

describe('rows and ratios', () => {
  const samples = [
    ...[40, 44, 41].map((value) => sample('ours', '40', 'decode tok/s', value)),
    ...[20, 19, 24].map((value) => sample('wllama', '40', 'decode tok/s', value)),
    sample('ours', '40', 'ttft ms', 700),
    sample('wllama', '40', 'ttft ms', 2000),
    sample('ours', '1500', 'ttft ms', 6000),
    sample('ours', 'second-turn', 'ttft ms', 900),
  ];
  const rows = toRows(samples, 'wasm', 'tiny');

  it('gives each peer, task and metric one row with median, spread and rounds', () => {
    expect(rows).toHaveLength(6);
    expect(rows[1]).toEqual({
      peer: 'wllama',
      backend: 'wasm',
      model: 'tiny',
      task: '40',
      metric: 'decode tok/s',
      median: 20,
      spread: 5,
      rounds: 3,
    });
  });

  it('judges a ratio by its direction, and leaves out what was not measured', () => {
    expect(toRatios(rows, 'wasm').map(({ what, value, reached }) => [what, value, reached])).toEqual([
      ['decode tok/s: ours, 40 / wllama', 2.05, 'floor'],
      ['ttft: ours, 40 / wllama', 0.35, 'floor'],
      ['ttft: ours, second-turn / ours, 1500', 0.15, 'no'],
    ]);
    expect(toRatios(rows, 'webgpu').map(({ what }) => what)).toEqual(['ttft: ours, second-turn / ours, 1500']);
    expect(toRatios(rows, 'webnn')).toEqual([]);
  });

  it('turns a time ratio over where more is better', () => {
    const webnn = toRows(
      [sample('ours', '40', 'ttft ms', 500), sample('padded-webnn', '40', 'ttft ms', 5500)],
      'webnn',
      'tiny',
    );
    expect(toRatios(webnn, 'webnn')).toEqual([
      { what: 'ttft: padded-webnn / ours, 40', value: 11, floor: 5, aim: 10, atLeast: true, reached: 'aim' },
    ]);
  });

  it('prints a dash where a peer has no figure', () => {
    const lines = rowTable(rows).split('\n');
    expect(lines[0]).toMatch(/ours\s+wllama/);
    expect(lines.find((line) => line.startsWith('1500'))).toMatch(/6000 \(±0\.00\)\s+-$/);
  });
});
