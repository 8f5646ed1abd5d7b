/**
 * The weights of the WebNN graphs. Rows lie as in the source, `[N, K]`, and are used transposed; int8 by column for LiteRT alone lies as `[K, N]`,
 * because LiteRT does not build the other.
 */
import type { Checkpoint } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import { rowRange } from '../weights/matrix.ts';
import { holdsExactly, packBlocks, type BlockSpec, type ErrorSum } from '../weights/blocks.ts';
import { errorGroup } from '../weights/error.ts';
import { toFloatType, type FloatType } from '../weights/half.ts';
import { tensorRanges, type WeightGroup, type WeightTensor } from '../weights/plan.ts';
import { dequantise } from '../weights/rows.ts';
import type { Calibration } from './calibration.ts';
import type { Rotation } from '../weights/rotate.ts';
import type { LinearName } from '../graph/decoder-network.ts';
import type { WebnnDialect } from './cache-layout.ts';
import { int4Group, int4Layout, type Int4Layout } from './int4-weights.ts';
import { exactInt8Group, holdsByColumn, int8Group, int8RowGroup } from './int8-weights.ts';

/** All groups of a plan, in the order in which they are made. */
export const allGroups = ({ groups: { norms, head, layers, error } }: WebnnPlan): WeightGroup[] => [
  ...norms,
  ...head,
  ...layers,
  ...error,
];

/** How one matrix `[rows, cols]` is held. */
export interface WebnnMatrix {
  rows: number;
  cols: number;
  /** Blocks of 4 or 8 bits; null: the form's own type. */
  blocks: BlockSpec | null;
  /** Signed 4 bits: inputs that share a scale. null: another form. */
  group: number | null;
  /** Integers with a scale for each column lie as `[N, K]`, which NPUs read fastest; else as `[K, N]`. */
  byRow: boolean;
  /** 8 bits by column: a minimum for each column is added to its weights. */
  mins: boolean;
  /** Prefixes of the names of the tensors that hold its rows, in order. */
  pieces: readonly string[];
  /** Sizes of the parts of its columns; more than one: each part has codes of its own. */
  columns: readonly number[];
}

export interface WebnnPlan {
  form: WeightFormat;
  dialect: WebnnDialect;
  /** Rotation of the residual stream; the embedding must be rotated too. null: no rotation. */
  residual: Rotation | null;
  matrices: ReadonlyMap<LinearName, WebnnMatrix>;
  /**
   * Norms first, then the head, then the layers' matrices, which `inputs` can replace. The last group is not part of a
   * graph: the error of requantising.
   */
  groups: { norms: WeightGroup[]; head: WeightGroup[]; layers: WeightGroup[]; error: WeightGroup[] };
}

/** Block of requantised weights. */
const BLOCK = 32;
/** Rows converted at a time. */
const TILE = 256;
/**
 * Bytes of one tensor, about: a larger matrix is cut by rows. While a graph is built, a constant lies in ONNX Runtime's memory and once more in
 * the heap, because WebNN takes no shared memory (the starter's float32 head: twice 113 MB).
 */
const PIECE_BYTES: Record<WebnnDialect, number> = { litert: 32 * 2 ** 20, npu: 128 * 2 ** 20 };
/**
 * NPU: columns of a product, at most. 8,192 columns in one product of 64 tokens take Lunar Lake 0.97 ms by Intel's estimate, two
 * products of 4,096 and their sum 0.54 ms; Panther Lake takes 0.24 ms either way. Cutting narrower matrices gained nothing in a whole layer.
 */
const MOST_COLUMNS = 4096;
const BYTES: Record<WeightFormat, number> = {
  float32: 4,
  float16: 2,
  int8: 1,
  'int8-blocks': 1,
  int4: 0.5,
  'int4-columns': 0.5,
  'int4-groups': 0.5,
};

/**
 * The weights that `webnnGraph` refers to.
 *
 * @param calibration for `int4-columns` and `int4-groups`: rounding makes up for itself, which takes long. null: to the nearest step
 */
export function webnnPlan(
  checkpoint: Checkpoint,
  form: WeightFormat,
  calibration: Calibration | null = null,
  dialect: WebnnDialect = 'litert',
): WebnnPlan {
  if (form === 'int4-columns' || form === 'int4-groups') return int4Plan(checkpoint, form, calibration, dialect);
  const matrices = new Map<LinearName, WebnnMatrix>();
  const groups: WebnnPlan['groups'] = { norms: [], head: [], layers: [], error: [] };
  const error: ErrorSum = { error: 0, weights: 0 };
  groups.error.push(errorGroup(error));
  const add = (to: WeightGroup[], name: LinearName, matrix: Matrix) => {
    const bits = form === 'int8-blocks' || (form === 'int4' && keepsEight(checkpoint, name, matrix)) ? 8 : 4;
    const blocks = form === 'int4' || form === 'int8-blocks' ? blockSpec(matrix, bits) : null;
    const parts = cut(name, matrix, PIECE_BYTES[dialect] / BYTES[form]);
    const byRow = dialect === 'npu' && form === 'int8';
    const columns = byRow ? columnParts(matrix.cols) : [matrix.cols];
    matrices.set(name, { ...planned(matrix, parts), blocks, byRow, columns });
    for (const [piece, part] of parts)
      to.push(
        blocks
          ? blockGroup(piece, part, blocks, error)
          : byRow
            ? int8RowGroup(piece, part, columns)
            : form === 'int8'
              ? int8Group(piece, part)
              : floatGroup(piece, part, form === 'float16' ? 'float16' : 'float32'),
      );
  };
  checkpoint.layers.forEach((layer, l) => {
    groups.norms.push(
      norm(`layers.${l}.attentionNorm`, layer.attentionNorm),
      norm(`layers.${l}.mlpNorm`, layer.mlpNorm),
    );
    for (const part of ['qkv', 'output', 'gateUp', 'down'] as const)
      add(groups.layers, `layers.${l}.${part}`, layer[part]);
  });
  groups.norms.push(norm('norm', checkpoint.norm));
  add(groups.head, 'head', checkpoint.head);
  return { form, dialect, residual: null, matrices, groups };
}

/** Groups that a graph of this shape refers to, fed or not. */
export function graphGroups({ groups }: WebnnPlan, { head }: { head: boolean }): WeightGroup[] {
  return [...groups.norms, ...(head ? groups.head : []), ...groups.layers];
}

/**
 * Tensors that a graph takes as inputs. On an NPU the head is fed as well; scales and minimums are not: as inputs they would be applied to the
 * matrix at every run.
 */
export function fedTensors(
  plan: WebnnPlan,
  { weights, head }: { weights: 'constants' | 'inputs'; head: boolean },
): { group: WeightGroup; tensor: WeightTensor; start: number; end: number }[] {
  if (weights === 'constants') return [];
  const { groups, dialect } = plan;
  return [...groups.layers, ...(head && dialect === 'npu' ? groups.head : [])].flatMap((group) =>
    tensorRanges(group)
      .filter(({ tensor }) => dialect === 'litert' || !/\.(scales|mins)$/.test(tensor.name))
      .map((range) => ({ group, ...range })),
  );
}

/** Equal parts of the columns, each a multiple of 64 where the whole is. */
function columnParts(cols: number): number[] {
  const parts = Math.ceil(cols / MOST_COLUMNS);
  const unit = cols % 64 === 0 ? 64 : 1;
  const most = Math.ceil(cols / unit / parts) * unit;
  return Array.from({ length: Math.ceil(cols / most) }, (_, i) => Math.min(most, cols - i * most));
}

/** 4 bits in the layers, int8 by column in the head, which loses most by 4 bits. */
function int4Plan(
  checkpoint: Checkpoint,
  form: 'int4-columns' | 'int4-groups',
  calibration: Calibration | null,
  dialect: WebnnDialect,
): WebnnPlan {
  const layout: Int4Layout = int4Layout(checkpoint, form);
  calibration?.begin(layout.residual);
  const matrices = new Map<LinearName, WebnnMatrix>();
  const groups: WebnnPlan['groups'] = { norms: [], head: [], layers: [], error: [] };
  const error: ErrorSum = { error: 0, weights: 0 };
  groups.error.push(errorGroup(error));
  const ones = new Float32Array(checkpoint.config.hidden).fill(1);
  const normWeight = (weight: Float32Array) => (layout.residual ? ones : weight); // the matrices contain it
  checkpoint.layers.forEach((layer, l) => {
    groups.norms.push(
      norm(`layers.${l}.attentionNorm`, normWeight(layer.attentionNorm)),
      norm(`layers.${l}.mlpNorm`, normWeight(layer.mlpNorm)),
    );
    for (const part of ['qkv', 'output', 'gateUp', 'down'] as const) {
      const name = `layers.${l}.${part}` as const;
      const matrix = layer[part];
      const group = layout.group(matrix);
      const byRow = dialect === 'npu' && group === matrix.cols;
      const columns = byRow ? columnParts(matrix.cols) : [matrix.cols];
      matrices.set(name, { ...planned(matrix, [[name, matrix]]), group, byRow, columns });
      groups.layers.push(
        int4Group(name, matrix, l, part, { layout, calibration, error, columns: byRow ? columns : null }),
      );
    }
  });
  groups.norms.push(norm('norm', normWeight(checkpoint.norm)));
  const parts = cut('head', checkpoint.head, PIECE_BYTES[dialect] / BYTES.int8);
  const mins = layout.residual === null && holdsByColumn(checkpoint.head);
  const byRow = dialect === 'npu';
  const columns = byRow ? columnParts(checkpoint.head.cols) : [checkpoint.head.cols];
  matrices.set('head', { ...planned(checkpoint.head, parts), mins, byRow, columns });
  for (const [piece, part] of parts)
    groups.head.push(
      mins
        ? exactInt8Group(piece, part, byRow ? columns : null)
        : byRow
          ? int8RowGroup(piece, part, columns, layout.headFold)
          : int8Group(piece, part, layout.headFold),
    );
  return { form, dialect, residual: layout.residual, matrices, groups };
}

const planned = ({ rows, cols }: Matrix, parts: readonly [string, Matrix][]): WebnnMatrix => ({
  rows,
  cols,
  blocks: null,
  group: null,
  byRow: false,
  mins: false,
  pieces: parts.map(([piece]) => piece),
  columns: [cols],
});

/** Pieces with at most this many weights, with their names. */
function cut(name: string, matrix: Matrix, most: number): [string, Matrix][] {
  const rows = Math.max(1, Math.floor(most / matrix.cols / TILE)) * TILE;
  if (matrix.rows <= rows) return [[name, matrix]];
  return Array.from({ length: Math.ceil(matrix.rows / rows) }, (_, i) => [
    `${name}.${i}`,
    rowRange(matrix, i * rows, Math.min(rows, matrix.rows - i * rows)),
  ]);
}

/** A file that has 4-bit matrices has its 8-bit ones on purpose; a head loses most by 4 bits that are not its own. */
function keepsEight({ layers }: Checkpoint, name: LinearName, { form }: Matrix): boolean {
  const four = (matrix: Matrix) => matrix.form.kind === 'blocks' && matrix.form.bits === 4;
  if (form.kind === 'blocks' && form.bits === 4) return false;
  return (
    name === 'head' ||
    (form.kind === 'blocks' && layers.some(({ qkv, output, gateUp, down }) => [qkv, output, gateUp, down].some(four)))
  );
}

/** Blocks that hold the matrix exactly where `bits` can, else those to requantise to. */
function blockSpec({ cols, form }: Matrix, bits: 4 | 8): BlockSpec {
  if (form.kind === 'blocks') {
    const spec: BlockSpec = { bits, block: form.block, shift: form.symmetric ? 'none' : 'mins' };
    if (holdsExactly(form, spec)) return spec;
  }
  const block = Math.min(BLOCK, cols & -cols); // the largest power of two in it
  return { bits, block, shift: bits === 4 ? 'mins' : 'none' };
}

function norm(name: string, weight: Float32Array): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [weight.length] }],
    make: () => Promise.resolve([weight]),
  };
}

function floatGroup(name: string, matrix: Matrix, dtype: FloatType): WeightGroup {
  const { rows, cols } = matrix;
  return {
    location: name,
    tensors: [{ name, dtype, dims: [rows, cols] }],
    async make() {
      const out = dtype === 'float16' ? new Uint16Array(rows * cols) : new Float32Array(rows * cols);
      for (let row = 0; row < rows; row += TILE) {
        const values = dequantise(await matrix.read(row, Math.min(TILE, rows - row)));
        out.set(toFloatType(values, dtype), row * cols);
      }
      return [out];
    },
  };
}

function blockGroup(name: string, matrix: Matrix, spec: BlockSpec, error: ErrorSum): WeightGroup {
  const { rows, cols } = matrix;
  const blocks = cols / spec.block;
  const tensors: WeightGroup['tensors'] = [
    { name: `${name}.codes`, dtype: spec.bits === 4 ? 'int4' : 'int8', dims: [rows, cols] },
    { name: `${name}.scales`, dtype: 'float32', dims: [rows, blocks] },
  ];
  if (spec.shift === 'mins') tensors.push({ name: `${name}.mins`, dtype: 'float32', dims: [rows, blocks] });
  return {
    location: name,
    tensors,
    async make() {
      const packed = await packBlocks(matrix, spec, 0, rows, error);
      // Unsigned codes with the zero in the middle, as signed ones: the highest bit flips. LiteRT has int4, not uint4.
      const flip = spec.bits === 4 ? 0x88 : 0x80;
      for (let i = 0; i < packed.codes.length; i++) packed.codes[i] = packed.codes[i]! ^ flip;
      return [packed.codes, packed.scales, ...(packed.mins ? [packed.mins] : [])];
    },
  };
}
