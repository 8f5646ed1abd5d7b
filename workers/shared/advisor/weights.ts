/**
 * Bytes of a model's weights in the form that each backend computes with, from its hyperparameters alone: the sums of what
 * wasm/weights.ts and webgpu/weights.ts lay out, without a checkpoint.
 */
import type { WeightFormat } from '../weight-formats.ts';

/** The fields of `PhiConfig` that decide about sizes. */
export interface ModelShape {
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Inner width of the MLP, or of one expert. */
  intermediate: number;
  /** A mixture of experts, of which a token goes to two. */
  experts?: { count: number };
  vocab: number;
  /** Longest sequence that the model was made for, in tokens. */
  context: number;
}

type Bits = 4 | 8;

/** How a source's matrices are quantised, as far as a GPU keeps it: 4-bit blocks stay, everything finer becomes 8-bit blocks. */
export interface SourceMix {
  qkv: Bits;
  output: Bits;
  gateUp: Bits;
  /** Share of the layers whose `down` has 8 bits. */
  down8: number;
  head: Bits;
  /** `tied`: the head's own tensor. `float`: left as it is up to FLOAT_EMBEDDING_BYTES, else 8. */
  embedding: Bits | 'float' | 'tied';
  /** Weights that share a scale. */
  block: number;
  /** Data kept beside the scales: zero points of `bits` bits, minimums as floats, or nothing. */
  shift: 'none' | 'zero-points' | 'mins';
}

/** An embedding that a quantised file leaves in floats stays so on a GPU up to this size (Phi-3.5-mini's in 16 bits), being exact; larger ones become 8-bit rows. */
export const FLOAT_EMBEDDING_BYTES = 2 ** 28;

export interface WeightBytes {
  /** Everything that the backend holds. */
  all: number;
  /** The embedding, counted in `all`; 0 when it is the head's tensor. */
  embedding: number;
  head: number;
  /** The largest of the layers. */
  layer: number;
}

/** webgpu/weights.ts: weights that share a scale where the source does not say otherwise. */
const BLOCK = 32;

/** weights/plan.ts: tensors of a group begin on multiples of this. */
const ALIGNMENT = 64;

function groupBytes(...tensors: number[]): number {
  return tensors.reduce((at, bytes) => Math.ceil(at / ALIGNMENT) * ALIGNMENT + bytes, 0);
}

interface Dims {
  rows: number;
  cols: number;
}

/** Experts that a token goes to. */
const ACTIVE_EXPERTS = 2;

/** With all experts side by side, as one wide MLP. */
function matrices({ hidden, heads, kvHeads, headDim, intermediate: inner, experts, vocab }: ModelShape) {
  const intermediate = inner * (experts?.count ?? 1);
  const dims = (rows: number, cols: number): Dims => ({ rows, cols });
  return {
    qkv: dims((heads + 2 * kvHeads) * headDim, hidden),
    output: dims(hidden, heads * headDim),
    gateUp: dims(2 * intermediate, hidden),
    down: dims(hidden, intermediate),
    outer: dims(vocab, hidden),
  };
}

/** The WASM dialect: int8 for each output channel (codes and scales), or float32. */
export function wasmWeightBytes(shape: ModelShape, form: 'int8' | 'float32'): WeightBytes {
  if (shape.experts) return expertsWasmBytes(shape, shape.experts.count, form);
  const { qkv, output, gateUp, down, outer } = matrices(shape);
  const linear = ({ rows, cols }: Dims) => (form === 'int8' ? groupBytes(rows * cols, 4 * rows) : 4 * rows * cols);
  const norm = 4 * shape.hidden;
  const parts = [qkv, output, gateUp, down].map(linear);
  const layer = 2 * norm + sum(parts);
  const head = linear(outer);
  // The embedding is its own tensor, as rows, also where the source ties it to the head: int8 columns cannot be gathered.
  return { all: 2 * head + shape.layers * layer + norm, embedding: head, head, layer };
}

/** The same of a mixture: experts apart, a router, and biases. */
function expertsWasmBytes(shape: ModelShape, count: number, form: 'int8' | 'float32'): WeightBytes {
  const { qkv, output, outer } = matrices(shape);
  const int8 = form === 'int8';
  const linear = ({ rows, cols }: Dims, biased: boolean) => {
    if (int8) return groupBytes(rows * cols, 4 * rows, ...(biased ? [4 * rows] : []));
    return 4 * rows * cols + (biased ? 4 * rows : 0);
  };
  const norm = (int8 ? 1 : 2) * 4 * shape.hidden;
  const router = groupBytes(4 * count * shape.hidden, 4 * count);
  const expert = expertBytes(shape, form);
  const layer = 2 * norm + linear(qkv, true) + linear(output, false) + 4 * shape.hidden + router + count * expert;
  const embedding = outer.rows * outer.cols * (int8 ? 2 : 4);
  const head = linear(outer, true);
  return { all: embedding + head + shape.layers * layer + norm, embedding, head, layer };
}

function expertBytes({ hidden, intermediate }: ModelShape, form: 'int8' | 'float32'): number {
  if (form === 'float32') return 4 * 3 * intermediate * hidden;
  const gateUp = 2 * intermediate;
  return groupBytes(gateUp * hidden, 4 * gateUp, 4 * gateUp) + groupBytes(hidden * intermediate, 4 * hidden);
}

/** The bytes that one token's step reads: everything but the embedding, and of the experts only the two that it uses. */
export function wasmBytesPerToken(shape: ModelShape, form: 'int8' | 'float32'): number {
  const { all, embedding } = wasmWeightBytes(shape, form);
  const idle = shape.experts ? shape.experts.count - ACTIVE_EXPERTS : 0;
  return all - embedding - shape.layers * idle * expertBytes(shape, form);
}

type ColumnForm = 'int8' | 'int4-columns' | 'int4-groups';

/** webnn/int4-weights.ts: inputs that share a scale in `int4-groups`. */
const GROUP = 128;

/** WebNN with a scale for each column, or for each group of it; 4 bits leave the head in 8. The embedding's rows are read from the store. */
function columnWeightBytes(shape: ModelShape, form: ColumnForm): number {
  const { qkv, output, gateUp, down, outer } = matrices(shape);
  const linear = ({ rows, cols }: Dims, bits: Bits, scales = 1) =>
    groupBytes((rows * cols * bits) / 8, 4 * rows * scales);
  const inLayer = (matrix: Dims) => {
    if (form === 'int8') return linear(matrix, 8);
    return linear(matrix, 4, form === 'int4-groups' ? Math.ceil(matrix.cols / GROUP) : 1);
  };
  const norm = 4 * shape.hidden;
  const parts = [qkv, output, gateUp, down].map(inLayer);
  return linear(outer, 8) + shape.layers * (2 * norm + sum(parts)) + norm;
}

export type GpuForm = 'int4' | 'int8-blocks' | 'float16' | 'float32';

/**
 * The WebGPU dialect. `float16`: whether scales and activations have 16 bits (`shader-f16`); the head's stay in float32.
 * Within one part in a thousand of the real plan: zero points and splits by the binding limit are rounded there for each piece.
 */
export function gpuWeightBytes(shape: ModelShape, form: GpuForm, mix: SourceMix, float16: boolean): WeightBytes {
  const { qkv, output, gateUp, down, outer } = matrices(shape);
  const width = float16 ? 2 : 4;
  // A source with 4 bits in 8-bit blocks: what shifts its blocks is rounded into them.
  const plain = form === 'int8-blocks' && (mix.down8 < 1 || [mix.qkv, mix.output, mix.gateUp].includes(4));
  const size = ({ rows, cols }: Dims, bits: Bits, scale: number) => {
    if (form === 'float16' || form === 'float32') return rows * cols * (form === 'float16' ? 2 : 4);
    const held = form === 'int8-blocks' ? 8 : bits;
    const rounded = plain && mix.shift !== 'none';
    const perRow = Math.ceil(cols / (rounded ? BLOCK : mix.block));
    const codes = (rows * cols * held) / 8;
    const shift = rounded
      ? 0
      : mix.shift === 'mins'
        ? rows * perRow * scale
        : mix.shift === 'zero-points'
          ? rows * Math.ceil((perRow * held) / 8)
          : 0;
    return groupBytes(codes, rows * perRow * scale, ...(shift > 0 ? [shift] : []));
  };
  const head = size(outer, mix.head, form === 'float16' ? 2 : 4);
  const floats = form === 'float16' ? 2 : form === 'float32' ? 4 : width;
  const inBlocks = form === 'int4' || form === 'int8-blocks';
  const ownEmbedding = (bits: Bits | 'float') =>
    bits !== 'float' ? size(outer, bits, width) : inBlocks ? floatEmbedding(outer, width) : size(outer, 8, width);
  const embedding = mix.embedding === 'tied' ? 0 : ownEmbedding(mix.embedding);
  const norm = floats * shape.hidden;
  const fixed = [size(qkv, mix.qkv, width), size(output, mix.output, width), size(gateUp, mix.gateUp, width)];
  const down4 = size(down, 4, width);
  const down8 = size(down, 8, width);
  // A mixture has biases, and a router in float32.
  const mixture = shape.experts ? 4 * shape.experts.count * shape.hidden + floats * (qkv.rows + 3 * shape.hidden) : 0;
  const outside = 2 * norm + mixture + sum(fixed);
  const layer = outside + Math.max(mix.down8 > 0 ? down8 : 0, down4);
  const layers = shape.layers * (outside + mix.down8 * down8 + (1 - mix.down8) * down4);
  return { all: embedding + layers + norm + head, embedding, head, layer };
}

/** What WebGPU or WebNN holds of a model in a form. `float16`: whether scales and activations have 16 bits. */
export function deviceWeightBytes(shape: ModelShape, form: WeightFormat, mix: SourceMix, float16: boolean): number {
  if (form === 'int8' || form === 'int4-columns' || form === 'int4-groups') return columnWeightBytes(shape, form);
  return gpuWeightBytes(shape, form, mix, float16).all;
}

/** Floats of `width` bytes where that is small enough, else 8-bit blocks of 32 with such a scale. */
function floatEmbedding({ rows, cols }: Dims, width: number): number {
  const weights = rows * cols;
  return weights * width <= FLOAT_EMBEDDING_BYTES ? weights * width : groupBytes(weights, (weights / 32) * width);
}

/** Keys and values of one token in all layers; `width` is 4 bytes on WASM and 2 or 4 on a GPU. */
export function cacheBytesPerToken({ layers, kvHeads, headDim }: ModelShape, width: 2 | 4): number {
  return 2 * layers * kvHeads * headDim * width;
}

/** Weights of the network: embedding, layers, norms, and the head where it is a matrix of its own. */
export function parameterCount(shape: ModelShape, tied: boolean): number {
  const { qkv, output, gateUp, down, outer } = matrices(shape);
  const count = ({ rows, cols }: Dims) => rows * cols;
  return (
    count(outer) * (tied ? 1 : 2) +
    shape.layers * (sum([qkv, output, gateUp, down].map(count)) + 2 * shape.hidden) +
    shape.hidden +
    expertsExtra(shape)
  );
}

/** Routers and biases, which only mixtures have. */
function expertsExtra({ experts, layers, hidden, heads, kvHeads, headDim, vocab }: ModelShape): number {
  if (!experts) return 0;
  return layers * (experts.count * hidden + (heads + 2 * kvHeads) * headDim + 3 * hidden) + hidden + vocab;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
