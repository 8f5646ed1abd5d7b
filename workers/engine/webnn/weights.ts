/** The weights of the WebNN dialect. Rows lie as in the source, `[N, K]`, and are used transposed; int8 per channel alone lies as `[K, N]`. */
import type { Checkpoint, Matrix } from '../checkpoint/types.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import { rowRange } from '../weights/matrix.ts';
import { holdsExactly, packBlocks, type BlockSpec, type ErrorSum } from '../weights/blocks.ts';
import { int8Columns } from '../weights/columns.ts';
import { errorGroup } from '../weights/error.ts';
import { floatToHalf } from '../weights/half.ts';
import type { WeightGroup } from '../weights/plan.ts';
import { dequantise } from '../weights/rows.ts';
import type { LinearName } from '../graph/decoder-network.ts';

/** Of the bytes that `webnnPlan` lays out: part of the key under which a made form is kept. */
export const WEBNN_FORM_VERSION = 3;

/** How one matrix `[rows, cols]` is held. */
export interface WebnnMatrix {
  rows: number;
  cols: number;
  /** Blocks of 4 or 8 bits; null: the form's own type. */
  blocks: BlockSpec | null;
  /** Prefixes of the names of the tensors that hold its rows, in order. */
  pieces: readonly string[];
}

export interface WebnnPlan {
  form: WeightFormat;
  matrices: ReadonlyMap<LinearName, WebnnMatrix>;
  /** Norms first, then the head, then the layers' matrices, whose place `inputs` can take; last what is no part of a graph: what requantising cost. */
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
const PIECE_BYTES = 32 * 2 ** 20;
const BYTES: Record<WeightFormat, number> = { float32: 4, float16: 2, int8: 1, 'int8-blocks': 1, int4: 0.5 };

/** What `webnnGraph` refers to. */
export function webnnPlan(checkpoint: Checkpoint, form: WeightFormat): WebnnPlan {
  const matrices = new Map<LinearName, WebnnMatrix>();
  const groups: WebnnPlan['groups'] = { norms: [], head: [], layers: [], error: [] };
  const error: ErrorSum = { error: 0, weights: 0 };
  groups.error.push(errorGroup(error));
  const add = (to: WeightGroup[], name: LinearName, matrix: Matrix) => {
    const bits = form === 'int8-blocks' || (form === 'int4' && keepsEight(checkpoint, name, matrix)) ? 8 : 4;
    const blocks = form === 'int4' || form === 'int8-blocks' ? blockSpec(matrix, bits) : null;
    const parts = cut(name, matrix, PIECE_BYTES / BYTES[form]);
    matrices.set(name, { rows: matrix.rows, cols: matrix.cols, blocks, pieces: parts.map(([piece]) => piece) });
    for (const [piece, part] of parts)
      to.push(
        blocks
          ? blockGroup(piece, part, blocks, error)
          : form === 'int8'
            ? int8Group(piece, part)
            : floatGroup(piece, part, form === 'float16'),
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
  return { form, matrices, groups };
}

/** Pieces of at most so many weights, with their names. */
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

function floatGroup(name: string, matrix: Matrix, half: boolean): WeightGroup {
  const { rows, cols } = matrix;
  return {
    location: name,
    tensors: [{ name, dtype: half ? 'float16' : 'float32', dims: [rows, cols] }],
    async make() {
      const out = half ? new Uint16Array(rows * cols) : new Float32Array(rows * cols);
      for (let row = 0; row < rows; row += TILE) {
        const values = dequantise(await matrix.read(row, Math.min(TILE, rows - row)));
        out.set(half ? floatToHalf(values) : values, row * cols);
      }
      return [out];
    },
  };
}

function int8Group(name: string, matrix: Matrix): WeightGroup {
  return {
    location: name,
    tensors: [
      { name: `${name}.codes`, dtype: 'int8', dims: [matrix.cols, matrix.rows] },
      { name: `${name}.scales`, dtype: 'float32', dims: [matrix.rows] },
    ],
    async make() {
      const { codes, scales } = await int8Columns(matrix);
      return [codes, scales];
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
