/** The weights of the WebGPU dialect: what each matrix is computed with, and the groups that hold it. */
import { FLOAT_EMBEDDING_BYTES } from '../../shared/advisor/weights.ts';
import type { Checkpoint, Layer, LayerExperts } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import { holdsExactly, packInto, type BlockSpec, type ErrorSum } from '../weights/blocks.ts';
import { floatWidth, toFloatType, type FloatType } from '../weights/half.ts';
import { errorGroup } from '../weights/error.ts';
import { rowRange } from '../weights/matrix.ts';
import { roomFor, type WeightGroup, type WeightTensor } from '../weights/plan.ts';
import { dequantise } from '../weights/rows.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import type { LinearName } from '../graph/decoder-network.ts';

const FORMS = ['int4', 'int8-blocks', 'float16', 'float32'] as const;
export type WebgpuForm = (typeof FORMS)[number];

export const isWebgpuForm = (form: WeightFormat): form is WebgpuForm => (FORMS as readonly string[]).includes(form);

/** Rows of one matrix in one buffer. An adapter limits the bytes of a binding. */
export interface Piece {
  /** Prefix of the tensors' names. */
  name: string;
  start: number;
  rows: number;
}

/** How one matrix `[rows, cols]` is held and computed with. */
export interface MatrixPlan {
  rows: number;
  cols: number;
  /** Type of the activations, scales and mins, or of the weights themselves. */
  dtype: FloatType;
  /** null: floats `[rows, cols]` named by the piece; else `.codes`, `.scales` and, by the shift, `.zeros` or `.mins`. */
  blocks: BlockSpec | null;
  pieces: Piece[];
}

export type MatrixName = LinearName | `layers.${number}.${'gate' | 'up'}` | 'embedding';

export interface WebgpuPlan {
  form: WebgpuForm;
  /** Type of the activations between the matrices, and of the KV cache. */
  dtype: FloatType;
  /** `gate` and `up` where one kernel takes both, else `gateUp`. */
  matrices: ReadonlyMap<MatrixName, MatrixPlan>;
  groups: WeightGroup[];
  /** The embedding is the head's own tensor. */
  tied: boolean;
}

/** Raised when the bytes that `webgpuPlan` makes change, so that weights kept by another version are made again. */
export const WEBGPU_FORM_VERSION = 4;

export interface PlanOptions {
  form: WebgpuForm;
  /** Type of the activations: float16 where the device has `shader-f16`. */
  dtype: FloatType;
  /** Most bytes that the device binds as one buffer. */
  bindingBytes: number;
}

/** Block of requantised weights. */
const BLOCK = 32;
/** Larger blocks hardly save bytes. */
const LARGEST_BLOCK = 256;
const SMALLEST_BLOCK = 16;

/** The epsilon that MatMulNBitsMlp's RMSNorm is compiled with. */
const FUSED_NORM_EPS = 1e-5;

/** Every group that `webgpuGraph` refers to, in the order in which the graph needs them. */
export function webgpuPlan(checkpoint: Checkpoint, options: PlanOptions): WebgpuPlan {
  const { form } = options;
  const planner = new Planner(checkpoint, options);
  // Activations of the head and what is computed from them stay in float32: logits in float16 tie.
  const outer: FloatType = form === 'float16' ? 'float16' : 'float32';
  const tied = checkpoint.head === checkpoint.embedding;
  if (!tied) planner.addEmbedding();
  checkpoint.layers.forEach((layer, l) => planner.addLayer(layer, l));
  planner.addVector('norm', checkpoint.norm);
  if (checkpoint.bias) {
    planner.addVector('norm.bias', checkpoint.bias.norm);
    planner.addVector('head.bias', checkpoint.bias.head, outer);
  }
  planner.add('head', checkpoint.head, outer, planner.outerBits(checkpoint.head));
  const { float: dtype, matrices, groups } = planner;
  return { form, dtype, matrices, groups: [...groups, errorGroup(planner.error)], tied };
}

/** Collects matrices and groups while it is told of the checkpoint's parts. */
class Planner {
  readonly matrices = new Map<MatrixName, MatrixPlan>();
  readonly groups: WeightGroup[] = [];
  readonly error: ErrorSum = { error: 0, weights: 0 };
  readonly float: FloatType;
  readonly #checkpoint: Checkpoint;
  readonly #form: WebgpuForm;
  readonly #bindingBytes: number;
  /** The file has 4-bit matrices, so that its 8-bit ones are meant. */
  readonly #mixed: boolean;
  readonly #inBlocks: boolean;
  /** Without minimums. int4 holds such a file exactly, at two dispatches for the mins of each matrix and a fused kernel less; 8 bits that kept mins would have no use. */
  readonly #plain: boolean;

  constructor(checkpoint: Checkpoint, { form, dtype, bindingBytes }: PlanOptions) {
    this.#checkpoint = checkpoint;
    this.#form = form;
    this.#bindingBytes = bindingBytes;
    this.#mixed = hasFourBits(checkpoint);
    this.float = form === 'float16' ? 'float16' : form === 'float32' ? 'float32' : dtype;
    this.#inBlocks = form === 'int4' || form === 'int8-blocks';
    this.#plain = form === 'int8-blocks' && this.#mixed;
  }

  /** Norms and biases. */
  addVector(name: string, weight: Float32Array, type = this.float): void {
    this.groups.push(normGroup(name, weight, type));
  }

  /** `bits`: null keeps floats. */
  add(name: MatrixName, matrix: Matrix, type: FloatType, bits: 4 | 8 | null): void {
    const blocks = bits && this.#blocks(matrix, bits);
    const plan: MatrixPlan = {
      rows: matrix.rows,
      cols: matrix.cols,
      dtype: type,
      blocks,
      pieces: cut(name, matrix, blocks, type, this.#bindingBytes),
    };
    this.matrices.set(name, plan);
    for (const piece of plan.pieces) this.groups.push(pieceGroup(matrix, plan, piece, this.error));
  }

  addEmbedding(): void {
    const { embedding } = this.#checkpoint;
    const bits = keepsFloats(this.#checkpoint, this.float) ? null : this.outerBits(embedding);
    this.add('embedding', embedding, this.float, bits);
  }

  addLayer(layer: Layer, l: number): void {
    const { float } = this;
    this.addVector(`layers.${l}.attentionNorm`, layer.attentionNorm);
    this.add(`layers.${l}.qkv`, layer.qkv, float, this.#bits(layer.qkv));
    this.add(`layers.${l}.output`, layer.output, float, this.#bits(layer.output));
    this.addVector(`layers.${l}.mlpNorm`, layer.mlpNorm);
    const { gateUp } = layer;
    const bits = this.#bits(gateUp);
    const half = gateUp.rows / 2;
    if (!layer.experts && this.#fusesMlp(gateUp, bits)) {
      this.add(`layers.${l}.gate`, rowRange(gateUp, 0, half), float, bits);
      this.add(`layers.${l}.up`, rowRange(gateUp, half, half), float, bits);
    } else this.add(`layers.${l}.gateUp`, gateUp, float, bits);
    this.add(`layers.${l}.down`, layer.down, float, this.#bits(layer.down));
    if (layer.experts) this.#addExperts(layer.experts, l);
  }

  #addExperts({ bias, router, each }: LayerExperts, l: number): void {
    for (const [part, values] of Object.entries(bias)) this.addVector(`layers.${l}.${part}.bias`, values);
    // In float32: which experts are the best two is decided by small differences.
    this.groups.push({
      location: `layers.${l}.router`,
      tensors: [{ name: `layers.${l}.router`, dtype: 'float32', dims: [each.length, router.length / each.length] }],
      make: () => Promise.resolve([router]),
    });
  }

  /** Requantised embeddings and heads lose most: they keep 8 bits even when the rest is cut to 4. */
  outerBits(matrix: Matrix): 4 | 8 {
    return matrix.form.kind === 'blocks' && matrix.form.bits === 4 ? this.#bits(matrix) : 8;
  }

  #bits({ form }: Matrix): 4 | 8 {
    return this.#form === 'int8-blocks' || (form.kind === 'blocks' && form.bits === 8 && this.#mixed) ? 8 : 4;
  }

  #blocks(matrix: Matrix, bits: 4 | 8): MatrixPlan['blocks'] {
    return this.#inBlocks ? blockSpec(matrix, bits, this.#plain) : null;
  }

  /** MatMulNBitsMlp takes gate and up apart, each whole, without zero points, and has its own epsilon. */
  #fusesMlp(gateUp: Matrix, bits: 4 | 8): boolean {
    const spec = this.#blocks(gateUp, bits);
    return (
      spec?.shift === 'none' &&
      cut('', rowRange(gateUp, 0, gateUp.rows / 2), spec, this.float, this.#bindingBytes).length === 1 &&
      Math.fround(this.#checkpoint.config.normEps) === Math.fround(FUSED_NORM_EPS)
    );
  }
}

/** The forms that make sense for a checkpoint, best first: one that holds it exactly, then smaller and larger ones. */
export function webgpuForms(checkpoint: Checkpoint): WebgpuForm[] {
  return hasFourBits(checkpoint)
    ? ['int4', 'int8-blocks', 'float16', 'float32']
    : ['int8-blocks', 'int4', 'float16', 'float32'];
}

/** A file that has 4-bit matrices has its 8-bit ones on purpose: they stay. One that has none is cut to 4 bits as a whole. */
function hasFourBits({ layers }: Checkpoint): boolean {
  return layers.some(({ qkv, output, gateUp, down }) =>
    [qkv, output, gateUp, down].some(({ form }) => form.kind === 'blocks' && form.bits === 4),
  );
}

/**
 * If a quantised file keeps its own embedding in floats, that is on purpose (ONNX Runtime's model builder). It stays,
 * unless it is large.
 */
function keepsFloats({ embedding, layers }: Checkpoint, dtype: FloatType): boolean {
  const bytes = embedding.rows * embedding.cols * floatWidth(dtype);
  return (
    embedding.form.kind === 'float' &&
    layers.some(({ qkv }) => qkv.form.kind === 'blocks') &&
    bytes <= FLOAT_EMBEDDING_BYTES
  );
}

/**
 * Blocks that hold the matrix exactly where `bits` can, `plain` only without anything that shifts them; else those to requantise to.
 * null: its columns do not divide into blocks, it stays in floats.
 */
function blockSpec({ cols, form }: Matrix, bits: 4 | 8, plain: boolean): BlockSpec | null {
  if (form.kind === 'blocks' && (form.symmetric || !plain)) {
    const block = Math.min(LARGEST_BLOCK, form.block & -form.block); // the largest power of two in it
    const spec: BlockSpec = { bits, block, shift: form.symmetric ? 'none' : form.integral ? 'zero-points' : 'mins' };
    if (block >= SMALLEST_BLOCK && holdsExactly(form, spec)) return spec;
  }
  const block = Math.min(BLOCK, cols & -cols);
  return block < SMALLEST_BLOCK ? null : { bits, block, shift: bits === 4 ? 'zero-points' : 'none' };
}

function cut(
  name: string,
  { rows, cols }: Matrix,
  blocks: BlockSpec | null,
  dtype: FloatType,
  bindingBytes: number,
): Piece[] {
  const rowBytes = blocks ? (cols * blocks.bits) / 8 : cols * floatWidth(dtype);
  const most = Math.max(8, Math.floor(bindingBytes / rowBytes / 8) * 8);
  if (rows <= most) return [{ name, start: 0, rows }];
  return Array.from({ length: Math.ceil(rows / most) }, (_, i) => ({
    name: `${name}.${i}`,
    start: i * most,
    rows: Math.min(most, rows - i * most),
  }));
}

function normGroup(name: string, weight: Float32Array, dtype: FloatType): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype, dims: [weight.length] }],
    make: () => Promise.resolve([toFloatType(weight, dtype)]),
  };
}

function pieceGroup(
  matrix: Matrix,
  { cols, dtype, blocks }: MatrixPlan,
  { name, start, rows }: Piece,
  error: ErrorSum,
): WeightGroup {
  if (!blocks) {
    return {
      location: name,
      tensors: [{ name, dtype, dims: [rows, cols] }],
      make: async () => [toFloatType(dequantise(await matrix.read(start, rows)), dtype)],
    };
  }
  const { bits, block, shift } = blocks;
  const perRow = cols / block;
  const tensors: WeightTensor[] = [
    { name: `${name}.codes`, dtype: 'uint8', dims: [rows, perRow, (block * bits) / 8] },
    { name: `${name}.scales`, dtype, dims: [rows, perRow] },
  ];
  if (shift === 'zero-points')
    tensors.push({ name: `${name}.zeros`, dtype: 'uint8', dims: [rows, Math.ceil((perRow * bits) / 8)] });
  if (shift === 'mins') tensors.push({ name: `${name}.mins`, dtype, dims: [rows, perRow] });
  return {
    location: name,
    tensors,
    make: async () => {
      const room = roomFor({ tensors });
      const [codes, scales, shifts] = room as [Uint8Array, Uint8Array, Uint8Array?];
      const floats = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
        dtype === 'float16'
          ? new Uint16Array(buffer, byteOffset, byteLength / 2)
          : new Float32Array(buffer, byteOffset, byteLength / 4);
      const zeroPoints = shift === 'zero-points' ? shifts! : null;
      const mins = shift === 'mins' ? floats(shifts!) : null;
      await packInto({ codes, scales: floats(scales), zeroPoints, mins }, matrix, blocks, start, rows, error);
      return room;
    },
  };
}
