import { describe, expect, it } from 'vitest';
import { sumEvents } from './trace.ts';

const line = (cat: string, name: string, ts: number, dur: number, args: object = {}) =>
  JSON.stringify({ cat, name, ts, dur, ph: 'X', args });
const node = (op: string, ts: number, dur: number, parameter_size = '0') =>
  line('Node', `n_${op}_1_kernel_time`, ts, dur, { op_name: op, parameter_size });

describe('sumEvents', () => {
  const lines = [
    line('Session', 'model_run', 0, 9000),
    node('Softmax', 100, 5000), // of the warm-up run
    line('Session', 'model_run', 10_000, 4000),
    node('Loop', 10_001, 3900),
    node('MatMul', 10_100, 1000, '2048'),
    node('MatMul', 11_200, 500),
    line('Node', 'n_MatMul_1_fence_before', 11_200, 7, { op_name: 'MatMul' }),
    line('Session', 'model_run', 20_000, 4000),
    node('MatMulInteger', 20_100, 2000, '4096'),
    node('Softmax', 22_100, 250),
    node('Mul', 22_400, 50),
  ];

  it('counts kernels of the last runs, each under its kind, without the nodes that hold others', () => {
    const { runMs, kinds } = sumEvents(lines, 2);
    expect(runMs).toBe(8);
    expect(kinds['matmul']).toEqual({ ms: 3, nodes: 2, ops: { MatMul: 1, MatMulInteger: 2 } });
    expect(kinds['attention']).toEqual({ ms: 0.75, nodes: 2, ops: { MatMul: 0.5, Softmax: 0.25 } });
    expect(kinds['elementwise and other']).toEqual({ ms: 0.05, nodes: 1, ops: { Mul: 0.05 } });
    expect(Object.keys(kinds)).toHaveLength(3);
  });

  it('counts the kernels of a GPU where it tells their times, whatever their clock', () => {
    const kernel = (name: string, ts: number, dur: number) => line('Api', name, ts, dur, { shapes: '' });
    const run = (at: number, prefill: number) => [
      kernel('n_1&MatMulNBits&MatMulNBits', at, 1000 + prefill),
      kernel('n_2&GroupQueryAttention&FlashAttention', at + 2000, 500),
      kernel('n_2&GroupQueryAttention&Reduce', at + 3000, 250),
      kernel('n_3&MatMulNBits&MatMulNBits', at + 4000, 2000),
    ];
    const { kinds, onGpu } = sumEvents([...lines, ...run(0, 9000), ...run(5000, 0), ...run(10_000, 0)], 2);
    expect(onGpu).toBe(true);
    expect(kinds).toEqual({
      matmul: { ms: 6, nodes: 4, ops: { MatMulNBits: 6 } },
      attention: { ms: 1.5, nodes: 4, ops: { GroupQueryAttention: 1.5 } },
    });
  });

  it('is empty for an empty trace', () => {
    expect(sumEvents([], 3)).toEqual({ runMs: 0, kinds: {}, onGpu: false });
  });
});
