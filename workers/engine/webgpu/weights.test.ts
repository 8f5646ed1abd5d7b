import { describe, expect, it } from 'vitest';
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import { materialise } from '../weights/plan.ts';
import type { Rows } from '../weights/rows.ts';
import { weightError } from '../weights/error.ts';
import { webgpuForms, webgpuPlan, type PlanOptions } from './weights.ts';

const Q4_0: Matrix['form'] = { kind: 'blocks', bits: 4, block: 32, symmetric: true };
const Q4_1: Matrix['form'] = { kind: 'blocks', bits: 4, block: 32, symmetric: false };
const Q6_K: Matrix['form'] = { kind: 'blocks', bits: 8, block: 16, symmetric: true };
const ZEROS: Matrix['form'] = { kind: 'blocks', bits: 4, block: 64, symmetric: false, integral: true };
const PER_CHANNEL: Matrix['form'] = { kind: 'blocks', bits: 8, block: 192, symmetric: true };
const FLOAT: Matrix['form'] = { kind: 'float', bits: 16 };

function matrix(rows: number, cols: number, form: Matrix['form']): Matrix {
  const read = (_: number, count: number): Rows => {
    if (form.kind === 'float')
      return {
        kind: 'float',
        rows: count,
        cols,
        values: Float32Array.from({ length: count * cols }, (_, i) => Math.sin(i)),
      };
    const blocks = (count * cols) / form.block;
    return {
      kind: 'blocks',
      rows: count,
      cols,
      bits: form.bits,
      block: form.block,
      codes: Uint8Array.from({ length: count * cols }, (_, i) => i % 11),
      scales: new Float32Array(blocks).fill(0.5),
      mins: form.symmetric ? null : new Float32Array(blocks).fill(1),
    };
  };
  return { name: 'test', rows, cols, type: 'test', form, read: (start, count) => Promise.resolve(read(start, count)) };
}

const HIDDEN = 192;
const INTERMEDIATE = 384;

interface Unlike {
  down?: Matrix['form'];
  head?: Matrix['form'];
  embedding?: Matrix['form'];
  tied?: boolean;
  normEps?: number;
  hidden?: number;
  vocab?: number;
}

function checkpoint(
  form: Matrix['form'],
  {
    down = form,
    head = form,
    embedding: table = head,
    tied = false,
    normEps = 1e-5,
    hidden = HIDDEN,
    vocab = 100,
  }: Unlike = {},
): Checkpoint {
  const embedding = matrix(vocab, hidden, table);
  const norm = new Float32Array(hidden).fill(1);
  const layer = {
    attentionNorm: norm,
    qkv: matrix(3 * hidden, hidden, form),
    output: matrix(hidden, hidden, form),
    mlpNorm: norm,
    gateUp: matrix(2 * INTERMEDIATE, hidden, form),
    down: matrix(hidden, INTERMEDIATE, down),
  };
  return {
    format: 'gguf',
    config: { normEps } as PhiConfig,
    tokenizer: { kind: 'gguf', metadata: new Map() },
    chatTemplate: null,
    embedding,
    layers: [layer],
    norm,
    head: tied ? embedding : matrix(vocab, hidden, head),
    notes: [],
  };
}

const OPTIONS: PlanOptions = { form: 'int4', dtype: 'float32', bindingBytes: 2 ** 27 };
const blocksOf = (source: Checkpoint, options: Partial<PlanOptions> = {}) =>
  Object.fromEntries(
    [...webgpuPlan(source, { ...OPTIONS, ...options }).matrices].map(([name, { blocks }]) => [name, blocks]),
  );

describe('webgpuPlan', () => {
  it('keeps symmetric 4-bit blocks, gate and up apart for the kernel that takes both', () => {
    const q4 = { bits: 4, block: 32, shift: 'none' };
    expect(blocksOf(checkpoint(Q4_0))).toEqual({
      embedding: q4,
      'layers.0.qkv': q4,
      'layers.0.output': q4,
      'layers.0.gate': q4,
      'layers.0.up': q4,
      'layers.0.down': q4,
      head: q4,
    });
  });

  it('keeps mins, zero points and the 8-bit matrices of a 4-bit file', () => {
    const blocks = blocksOf(checkpoint(Q4_1, { down: Q6_K, head: ZEROS }));
    expect(blocks['layers.0.gateUp']).toEqual({ bits: 4, block: 32, shift: 'mins' });
    expect(blocks['layers.0.down']).toEqual({ bits: 8, block: 16, shift: 'none' });
    expect(blocks['head']).toEqual({ bits: 4, block: 64, shift: 'zero-points' });
  });

  it('rounds what shifts the blocks of a 4-bit file into 8 bits, but not of a file whose form of its own has 8', () => {
    const plain = { bits: 8, shift: 'none' };
    const ofFour = blocksOf(checkpoint(Q4_1, { down: Q6_K, head: ZEROS }), { form: 'int8-blocks' });
    expect(ofFour).toMatchObject({
      'layers.0.qkv': plain,
      'layers.0.gate': plain,
      'layers.0.down': { ...plain, block: 16 },
      head: plain,
    });
    expect(blocksOf(checkpoint({ ...Q4_1, bits: 8 }), { form: 'int8-blocks' })['layers.0.qkv']).toEqual({
      bits: 8,
      block: 32,
      shift: 'mins',
    });
  });

  it('cuts blocks to a power of two', () => {
    expect(blocksOf(checkpoint(PER_CHANNEL), { form: 'int8-blocks' })['layers.0.qkv']).toEqual({
      bits: 8,
      block: 64,
      shift: 'none',
    });
  });

  it('cuts an 8-bit or float file to 4 bits, but not its embedding and head', () => {
    for (const form of [Q6_K, FLOAT]) {
      const blocks = blocksOf(checkpoint(form));
      expect(blocks['layers.0.gateUp']).toEqual({ bits: 4, block: 32, shift: 'zero-points' });
      expect(blocks['head']).toMatchObject({ bits: 8, shift: 'none' });
    }
  });

  it('leaves a float embedding of a quantised file as it is, unless it is large', () => {
    expect(blocksOf(checkpoint(Q4_0, { embedding: FLOAT }))).toMatchObject({ embedding: null, head: { bits: 4 } });
    expect(blocksOf(checkpoint(Q4_0, { embedding: FLOAT, vocab: 400_000 }))).toMatchObject({
      embedding: { bits: 8, shift: 'none' },
    });
  });

  it('cuts smaller blocks for columns that do not divide into 32, and leaves floats where none fit', () => {
    expect(blocksOf(checkpoint(FLOAT, { hidden: 240 }))['layers.0.qkv']).toEqual({
      bits: 4,
      block: 16,
      shift: 'zero-points',
    });
    expect(blocksOf(checkpoint(FLOAT, { hidden: 200 }))).toMatchObject({
      embedding: null,
      'layers.0.gateUp': null,
      'layers.0.down': { block: 32 },
    });
  });

  it('leaves gate and up together where the kernel has another epsilon', () => {
    expect(blocksOf(checkpoint(Q4_0, { normEps: 1e-6 }))).toHaveProperty(['layers.0.gateUp']);
  });

  it('computes the head in float32 whatever the activations are', () => {
    const plan = webgpuPlan(checkpoint(Q4_0), { ...OPTIONS, dtype: 'float16' });
    expect(plan.matrices.get('layers.0.qkv')?.dtype).toBe('float16');
    expect(plan.matrices.get('head')?.dtype).toBe('float32');
    expect(plan.groups.find(({ location }) => location === 'norm')?.tensors[0]?.dtype).toBe('float16');
  });

  it('cuts a matrix that one binding does not hold', () => {
    const plan = webgpuPlan(checkpoint(Q4_0, { tied: true }), { ...OPTIONS, bindingBytes: (48 * HIDDEN) / 2 });
    expect(plan.tied).toBe(true);
    expect(plan.matrices.has('embedding')).toBe(false);
    expect(plan.matrices.get('head')?.pieces).toEqual([
      { name: 'head.0', start: 0, rows: 48 },
      { name: 'head.1', start: 48, rows: 48 },
      { name: 'head.2', start: 96, rows: 4 },
    ]);
    expect(plan.matrices.has('layers.0.gate')).toBe(false); // each must be whole
    expect(plan.matrices.get('layers.0.gateUp')?.pieces).toHaveLength(16);
  });

  it.each([
    ['exact', checkpoint(Q4_1), 'int4', 0],
    ['8 bits to 4', checkpoint(FLOAT), 'int4', 0.06],
    ['4 bits with mins to 8', checkpoint(Q4_1), 'int8-blocks', 0.004],
    ['floats to 8 bits', checkpoint(FLOAT), 'int8-blocks', 0.004],
    ['floats', checkpoint(FLOAT), 'float32', 0],
  ] as const)('makes what it planned and says what it cost: %s', async (_, source, form, most) => {
    const plan = webgpuPlan(source, { ...OPTIONS, form });
    const files: Uint8Array<ArrayBuffer>[] = [];
    for (const group of plan.groups) files.push(await materialise(group)); // throws when sizes differ
    const error = await weightError(new Blob([files.at(-1)!]));
    expect(error).toBeLessThanOrEqual(most);
    expect(error > 0).toBe(most > 0);
  });
});

describe('float16', () => {
  it('halves scales and mins, and leaves codes', async () => {
    const bytes = async (dtype: 'float16' | 'float32') => {
      const group = webgpuPlan(checkpoint(Q4_1), { ...OPTIONS, dtype }).groups.find(
        ({ location }) => location === 'layers.0.down',
      )!;
      return group.make();
    };
    const [codes, scales, mins] = await bytes('float16');
    const [wideCodes, wideScales] = await bytes('float32');
    expect(codes).toEqual(wideCodes);
    expect(scales!.byteLength).toBe(wideScales!.byteLength / 2);
    const first = (view: ArrayBufferView) => new Uint16Array(view.buffer, view.byteOffset, 1)[0];
    expect([first(scales!), first(mins!)]).toEqual([0x3800, 0x3c00]); // 0.5 and 1
  });
});

describe('webgpuForms', () => {
  it('begins with the one that holds the file exactly', () => {
    expect(webgpuForms(checkpoint(Q4_1))[0]).toBe('int4');
    expect(webgpuForms(checkpoint(Q6_K))[0]).toBe('int8-blocks');
    expect(webgpuForms(checkpoint(FLOAT))[0]).toBe('int8-blocks');
  });
});
