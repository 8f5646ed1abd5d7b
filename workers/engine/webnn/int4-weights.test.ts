import { describe, expect, it } from 'vitest';
import { dense, lastLogits, loadDense, type DenseModel } from '../checkpoint/testing/forward.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import { tinyPhi, type TinySize } from '../choose/tiny-phi.ts';
import { Calibration } from './calibration.ts';
import { int4Values } from '../weights/int4-columns.ts';
import { plainProducts, transposed } from '../weights/products.ts';
import { dequantise } from '../weights/rows.ts';
import type { LinearName } from '../graph/decoder-network.ts';
import { webnnPlan, type WebnnPlan } from './weights.ts';

const SIZE: TinySize = {
  layers: 2,
  hidden: 96, // rotated by a Hadamard matrix and a reflection
  heads: 4,
  kvHeads: 2,
  headDim: 32,
  intermediate: 192,
  vocab: 128,
  rotaryDim: 16,
};

type Format = 'int4-columns' | 'int4-groups';

/** The network as the graph computes it: the plan's weights, and the embedding as it goes in. */
async function planned(checkpoint: Checkpoint, plan: WebnnPlan): Promise<DenseModel> {
  const made = new Map<string, ArrayBufferView[]>();
  for (const group of [...plan.groups.norms, ...plan.groups.head, ...plan.groups.layers])
    made.set(group.location, await group.make());
  const linear = (name: LinearName): Float32Array => {
    const { rows, cols, group } = plan.matrices.get(name)!;
    const [codes, scales, mins] = made.get(name) as [Uint8Array, Float32Array, Float32Array?];
    const columns = group === null ? int8Values(codes, scales, mins) : int4Values({ codes, scales }, rows, group);
    return transposed(columns, cols, rows); // [N, K]
  };
  const norm = (name: string) => made.get(name)![0] as Float32Array;
  const embedding = await dense(checkpoint.embedding);
  const { hidden } = checkpoint.config;
  if (plan.residual) for (let at = 0; at < embedding.length; at += hidden) plan.residual.apply(embedding, at);
  return {
    config: checkpoint.config,
    embedding,
    layers: checkpoint.layers.map((_, l) => ({
      attentionNorm: norm(`layers.${l}.attentionNorm`),
      qkv: linear(`layers.${l}.qkv`),
      output: linear(`layers.${l}.output`),
      mlpNorm: norm(`layers.${l}.mlpNorm`),
      gateUp: linear(`layers.${l}.gateUp`),
      down: linear(`layers.${l}.down`),
    })),
    norm: norm('norm'),
    head: linear('head'),
  };
}

const int8Values = (codes: Uint8Array, scales: Float32Array, mins?: Float32Array): Float32Array =>
  Float32Array.from(
    new Int8Array(codes.buffer, codes.byteOffset, codes.length),
    (code, i) => code * scales[i % scales.length]! + (mins?.[i % scales.length] ?? 0),
  );

/** Root mean square of the difference over that of the reference. */
function difference(found: Float32Array, reference: Float32Array): number {
  const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(squares(found.map((value, i) => value - reference[i]!)) / squares(reference));
}

/** The same weights as floats, so that they have to be requantised. */
const asFloats = (matrix: Matrix): Matrix => ({
  ...matrix,
  form: { kind: 'float', bits: 32 },
  read: async (start, count) => {
    const rows = await matrix.read(start, count);
    return { kind: 'float', rows: count, cols: matrix.cols, values: dequantise(rows) };
  },
});
const each = (checkpoint: Checkpoint, change: (matrix: Matrix) => Matrix): Checkpoint => ({
  ...checkpoint,
  layers: checkpoint.layers.map((layer) => ({
    ...layer,
    qkv: change(layer.qkv),
    output: change(layer.output),
    gateUp: change(layer.gateUp),
    down: change(layer.down),
  })),
});
/** Every row with one scale, as a file that is quantised by column. */
const byColumn = (matrix: Matrix): Matrix => ({
  ...matrix,
  form: { kind: 'blocks', bits: 4, block: matrix.cols, symmetric: true },
  read: async (start, count) => {
    const rows = await matrix.read(start, count);
    if (rows.kind !== 'blocks') throw new Error('The tiny Phi has blocks.');
    const scales = rows.scales.filter((_, i) => i % (matrix.cols / rows.block) === 0);
    return { ...rows, block: matrix.cols, scales };
  },
});

describe('4 bits in the WebNN graph', () => {
  const ids = Array.from({ length: 20 }, (_, i) => (i * 37 + 11) % SIZE.vocab);

  it.each<[Format, (matrix: Matrix) => Matrix]>([
    ['int4-groups', (matrix) => matrix],
    ['int4-columns', byColumn],
  ])('%s hold a source of that form exactly', async (form, change) => {
    const checkpoint = each(tinyPhi(SIZE, 5), change);
    const plan = webnnPlan(checkpoint, form);
    expect(plan.residual).toBeNull();
    const model = await planned(checkpoint, plan);
    const source = await loadDense(checkpoint);
    source.layers.forEach((layer, l) => {
      for (const part of ['qkv', 'output', 'gateUp', 'down'] as const)
        expect(difference(model.layers[l]![part], layer[part]), `${l}.${part}`).toBe(0);
    });
    // The head alone is in 8 bits.
    expect(difference(lastLogits(model, ids), lastLogits(source, ids))).toBeLessThan(0.01);
  });

  it('hold a head of 8 bits by column exactly, minimums included', async () => {
    const tiny = each(tinyPhi(SIZE, 5), byColumn);
    const { rows, cols } = tiny.head;
    const codes = Uint8Array.from({ length: rows * cols }, (_, i) => (i * 91) % 256);
    const scales = Float32Array.from({ length: rows }, (_, i) => 0.01 + i / 1000);
    const mins = Float32Array.from({ length: rows }, (_, i) => i / 50 - 1);
    const head: Matrix = {
      ...tiny.head,
      form: { kind: 'blocks', bits: 8, block: cols, symmetric: false },
      read: (start, count) =>
        Promise.resolve({
          kind: 'blocks',
          rows: count,
          cols,
          bits: 8,
          block: cols,
          codes: codes.slice(start * cols, (start + count) * cols),
          scales: scales.slice(start, start + count),
          mins: mins.slice(start, start + count),
        }),
    };
    const checkpoint = { ...tiny, head };
    const plan = webnnPlan(checkpoint, 'int4-columns');
    expect(plan.matrices.get('head')!.mins).toBe(true);
    expect(difference((await planned(checkpoint, plan)).head, await dense(head))).toBeLessThan(1e-6);
  });

  it.each<[Format, number]>([
    ['int4-columns', 0.5],
    ['int4-groups', 0.45],
  ])(
    '%s of another source: a rotated network computes the same, to the nearest step and compensated',
    async (form, most) => {
      const checkpoint = each(tinyPhi(SIZE, 5), asFloats);
      const reference = lastLogits(await loadDense(checkpoint), ids);
      const plan = webnnPlan(checkpoint, form);
      expect(plan.residual).not.toBeNull();
      const nearest = difference(lastLogits(await planned(checkpoint, plan), ids), reference);
      expect(nearest).toBeGreaterThan(0.01);
      expect(nearest).toBeLessThan(most);
      const texts = Array.from({ length: 12 }, (_, t) =>
        Array.from({ length: 40 }, (_, i) => (i * i * 7 + t * 31) % SIZE.vocab),
      );
      const calibration = new Calibration(checkpoint, () => texts, plainProducts);
      const made = await planned(checkpoint, webnnPlan(checkpoint, form, calibration));
      const compensated = difference(lastLogits(made, ids), reference);
      expect(compensated).not.toBe(nearest);
      expect(compensated).toBeLessThan(most);
    },
  );
});
