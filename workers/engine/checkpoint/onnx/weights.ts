/** Constant matrices of ONNX operators: MatMulNBits, MatMulBnb4, GatherBlockQuantized, MatMul, Gemm and DequantizeLinear before them. */
import { affineMatrix, floatMatrix, type Shift } from '../affine.ts';
import type { Linear } from '../network/linear.ts';
import type { GraphReader } from '../network/decoder-graph.ts';
import { CASTS, numberAttribute, unsupported, type Graph, type Op, type ValueId } from '../network/graph.ts';
import { bnb4Matrix } from './bnb4.ts';
import { integerProduct, type IntegerProduct } from './integers.ts';
import { dequantizeLinear } from './qdq.ts';
import { codeBits, elementCount, isFloat, readIntegers, type StoredTensor } from '../tensor.ts';
import { transposedFloats } from '../transposed.ts';
import type { Matrix } from '../../weights/matrix.ts';

const SHAPES: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Squeeze', 'Unsqueeze']);

/** Products with weights in a form that is not read, and why. */
const NOT_READ: Readonly<Record<string, string>> = {
  MatMulInteger: 'integers are supported only when DynamicQuantizeLinear makes them',
  QLinearMatMul: 'statically quantised activations are not supported',
  MatMulFpQ4: 'weights packed for one kind of processor are not supported',
};

/** Transposes and casts between a constant and its use. */
const CHAIN_LIMIT = 16;

export class OnnxWeights implements GraphReader {
  readonly file: string;
  readonly graph: Graph;
  /** By where the weights lie, so that a tied head is the embedding itself. */
  readonly #made = new Map<string, Matrix>();

  constructor(file: string, graph: Graph) {
    this.file = file;
    this.graph = graph;
  }

  /** The constant behind `value`, seen through changes of shape. */
  #constant(value: ValueId | undefined): StoredTensor | null {
    return value ? (this.graph.constants.get(this.graph.origin(value, undefined, SHAPES)) ?? null) : null;
  }

  #needed(op: Op, input: number, what: string): StoredTensor {
    const tensor = this.#constant(op.inputs[input]);
    if (!tensor) throw unsupported(this.file, op, `${what} are not constants of a known type`);
    return tensor;
  }

  /** One Matrix for the same stored weights read in the same way. */
  #once(parts: (StoredTensor | string | number | null)[], make: () => Matrix): Matrix {
    const key = parts
      .map((part) => (part && typeof part === 'object' ? `${part.source.name}@${part.offset}` : part))
      .join(' ');
    const known = this.#made.get(key);
    if (known) return known;
    const matrix = make();
    this.#made.set(key, matrix);
    return matrix;
  }

  async linear(op: Op): Promise<Linear | null> {
    const integers = integerProduct(this.file, this.graph, op);
    if (integers) return this.#integers(integers);
    if (op.type === 'MoE' || op.type === 'QMoE') throw unsupported(this.file, op, 'it is a mixture of experts');
    if (op.type === 'Conv' || op.type === 'ConvTranspose')
      throw unsupported(this.file, op, 'convolutions belong to models with a vision or speech part');
    const matrix =
      op.type === 'MatMulNBits'
        ? await this.#matMulNBits(op)
        : op.type === 'MatMulBnb4'
          ? this.#bnb4(op)
          : op.type === 'MatMul' || op.type === 'Gemm'
            ? await this.#matMul(op)
            : null;
    const refused = NOT_READ[op.type];
    if (!matrix && refused) throw unsupported(this.file, op, refused);
    return matrix && { op, input: op.inputs[0] ?? '', output: op.outputs[0] ?? '', matrix };
  }

  async embedding(op: Op): Promise<Matrix | null> {
    if (op.type === 'GatherBlockQuantized') return this.#gatherBlocks(op);
    // Rows of a quantised table, dequantised after they were looked up.
    const lookup = op.type === 'DequantizeLinear' ? this.graph.producer(this.graph.origin(op.inputs[0] ?? '')) : null;
    if (lookup?.type === 'Gather' && numberAttribute(lookup, 'axis', 0) === 0)
      return this.#dequantised({ ...op, inputs: [lookup.inputs[0] ?? '', ...op.inputs.slice(1)] }, false);
    if (op.type !== 'Gather' || numberAttribute(op, 'axis', 0) !== 0) return null;
    const table = await this.#matrix(op, op.inputs[0] ?? '', false);
    return table;
  }

  /** The weights of a product of integers `[in, out]`, with the float values that go in and come out. */
  async #integers({ op, input, output, inputs }: IntegerProduct): Promise<Linear> {
    const matrix = await this.#dequantised({ ...op, inputs }, true);
    if (!matrix) throw unsupported(this.file, op, 'its weights are not constants of a known type');
    return { op, input, output, matrix };
  }

  async #matMulNBits(op: Op): Promise<Matrix> {
    const [rows, cols, bits, block] = ['N', 'K', 'bits', 'block_size'].map((name) =>
      numberAttribute(op, name, name === 'bits' ? 4 : 0),
    ) as [number, number, number, number];
    if ((bits !== 4 && bits !== 8) || !(block > 0))
      throw unsupported(this.file, op, `${bits} bits in blocks of ${block} are not supported, only 4 and 8 bits`);
    if (numberAttribute(op, 'weight_prepacked', 0))
      throw unsupported(this.file, op, 'weights packed for one kind of GPU');
    if (op.inputs[5]) throw unsupported(this.file, op, 'a bias');
    if (op.inputs[4] && !(await this.#inOrder(op, block))) throw unsupported(this.file, op, 'reordered groups (g_idx)');
    return this.#blocks(
      op,
      rows,
      cols,
      bits,
      block,
      this.#needed(op, 1, 'the weights'),
      this.#needed(op, 2, 'the scales'),
      op.inputs[3],
      2 ** (bits - 1),
    );
  }

  #bnb4(op: Op): Matrix {
    const [weights, absmax] = [this.#needed(op, 1, 'the weights'), this.#needed(op, 2, 'the scales')];
    return this.#once([weights, absmax, 'bnb4'], () => bnb4Matrix(this.file, op, weights, absmax));
  }

  /** True if g_idx lists the blocks in order, which is the same as no g_idx. */
  async #inOrder(op: Op, block: number): Promise<boolean> {
    const groups = await readIntegers(this.#needed(op, 4, 'the groups'));
    return groups.every((group, column) => group === Math.floor(column / block));
  }

  #gatherBlocks(op: Op): Matrix {
    const data = this.#needed(op, 0, 'the weights');
    const scales = this.#needed(op, 2, 'the scales');
    const packed = data.dtype === 'u8';
    const bits = packed ? numberAttribute(op, 'bits', 4) : codeBits(data.dtype);
    const block = numberAttribute(op, 'block_size', 128);
    const axis = numberAttribute(op, 'quantize_axis', packed ? 1 : 0);
    const rows = data.dims[0] ?? 0; // scales may be stored flat, as a MatMulNBits that shares them has them
    if (
      (bits !== 4 && bits !== 8) ||
      data.dims.length < 2 ||
      (axis !== 1 && axis !== -1) ||
      numberAttribute(op, 'gather_axis', 0) !== 0 ||
      !(block > 0)
    ) {
      throw unsupported(
        this.file,
        op,
        `${data.dtype} of ${bits ?? '?'} bits in blocks along axis ${axis} are not supported, only 4 and 8 bits along the last axis`,
      );
    }
    const cols = (elementCount(data.name, data.dims) * (packed ? 8 / bits : 1)) / rows;
    // Without zero points: the middle for packed uint8, none for the 4-bit types (as onnxruntime's operator says).
    const zero = packed ? 2 ** (bits - 1) : data.dtype === 'i4' || data.dtype === 'i8' ? 2 ** (bits - 1) : 0;
    return this.#blocks(op, rows, cols, bits, block, data, scales, op.inputs[3], zero);
  }

  /** Blocks along rows that are output features. */
  #blocks(
    op: Op,
    rows: number,
    cols: number,
    bits: 4 | 8,
    block: number,
    data: StoredTensor,
    scales: StoredTensor,
    zeroInput: ValueId | undefined,
    zero: number,
  ): Matrix {
    const zeros = zeroInput ? this.#needed(op, 3, 'the zero points') : null;
    const perRow = Math.ceil(cols / block);
    const packed = data.dtype === 'u8' && bits === 4;
    const bytes = elementCount(data.name, data.dims);
    const codes: StoredTensor = packed
      ? { ...data, dtype: 'u4', dims: [rows, (bytes * 2) / rows] }
      : { ...data, dims: [rows, bytes / rows] };
    const shift = zeros ? zeroShift(zeros, codes, rows, perRow) : ({ kind: 'constant', zero } as const);
    if (!shift)
      throw unsupported(
        this.file,
        op,
        `zero points of ${zeros!.dtype} [${zeros!.dims.join(', ')}] for ${rows} rows of ${perRow} blocks`,
      );
    return this.#once([data, scales, zeros, zero, bits, block, cols], () =>
      affineMatrix({ name: data.name, rows, cols, block, codes, scales, shift }),
    );
  }

  async #matMul(op: Op): Promise<Matrix | null> {
    const matrix = await this.#matrix(op, op.inputs[1] ?? '', !numberAttribute(op, 'transB', 0));
    const plain =
      op.type === 'MatMul' ||
      (!numberAttribute(op, 'transA', 0) && numberAttribute(op, 'alpha', 1) === 1 && !op.inputs[2]);
    if (matrix && !plain) throw unsupported(this.file, op, 'it does more than multiply');
    return matrix;
  }

  /** The constant matrix behind `value`; `transposed`: its rows are input features. Null for a value that is computed. */
  async #matrix(op: Op, value: ValueId, transposed: boolean): Promise<Matrix | null> {
    let at = value;
    let turned = transposed;
    for (let steps = 0; steps < CHAIN_LIMIT; steps++) {
      const tensor = this.graph.constants.get(at);
      if (tensor) return this.#floats(op, tensor, turned);
      const producer = this.graph.producer(at);
      if (!producer) return null;
      if (producer.type === 'DequantizeLinear') return this.#dequantised(producer, turned);
      if (producer.type === 'Transpose') turned = !turned;
      else if (!CASTS.has(producer.type)) return null;
      at = producer.inputs[0] ?? '';
    }
    return null;
  }

  #floats(op: Op, tensor: StoredTensor, transposed: boolean): Matrix | null {
    // Small constants in products are part of the positions' arithmetic (inverse frequencies).
    if (tensor.dims.length !== 2 || !isFloat(tensor.dtype)) return null;
    const [a, b] = tensor.dims as [number, number];
    if (a * b === 0) throw unsupported(this.file, op, `weights of shape [${tensor.dims.join(', ')}]`);
    // The key is the orientation in which the matrix is read: a tied head reads the table itself.
    return this.#once([tensor, transposed ? 'T' : 'N'], () =>
      transposed ? transposedFloats(tensor, a, b) : floatMatrix(tensor),
    );
  }

  async #dequantised(op: Op, transposed: boolean): Promise<Matrix | null> {
    const weights = this.#constant(op.inputs[0]);
    if (!weights) return null;
    const scales = this.#needed(op, 1, 'the scales');
    const zeros = op.inputs[2] ? this.#needed(op, 2, 'the zero points') : null;
    const matrix = await dequantizeLinear(this.file, op, weights, scales, zeros, transposed);
    return this.#once(
      [weights, scales, zeros, transposed ? 'T' : 'N', numberAttribute(op, 'block_size', 0)],
      () => matrix,
    );
  }
}

/** Zero points in the codes' own type, packed with padded rows or not, or in a float type. */
function zeroShift(zeros: StoredTensor, codes: StoredTensor, rows: number, perRow: number): Shift | null {
  const count = elementCount(zeros.name, zeros.dims);
  if (isFloat(zeros.dtype)) return count === rows * perRow ? { kind: 'floats', tensor: zeros, perRow } : null;
  if (codeBits(codes.dtype) === 8 || zeros.dtype === codes.dtype)
    return count === rows * perRow ? { kind: 'codes', tensor: zeros, perRow, stride: perRow } : null;
  const stride = 2 * Math.ceil(perRow / 2);
  const nibbles: StoredTensor = { ...zeros, dtype: 'u4', dims: [rows, stride] };
  return zeros.dtype === 'u8' && count * 2 === rows * stride
    ? { kind: 'codes', tensor: nibbles, perRow, stride }
    : null;
}
