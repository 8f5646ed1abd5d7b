/**
 * Constant matrices of OpenVINO: `Multiply(Subtract(Convert(weights), Convert(zero points)), scales)`, reshaped and converted, as NNCF
 * writes compressed weights; or plain float16 and float32 ones.
 */
import { affineMatrix, floatMatrix, repeated, type Shift } from '../affine.ts';
import type { Linear } from '../network/linear.ts';
import type { GraphReader } from '../network/decoder-graph.ts';
import { CASTS, unsupported, type Graph, type Op, type ValueId } from '../network/graph.ts';
import { codeBits, elementCount, isFloat, readIntegers, type StoredTensor } from '../tensor.ts';
import { transposedAffine, transposedFloats } from '../transposed.ts';
import type { Matrix } from '../../weights/matrix.ts';

/** A chain of decompression as it was found, from the product back to the constant. */
interface Chain {
  codes: StoredTensor;
  scales: StoredTensor | null;
  zeros: StoredTensor | null;
  /** Rows are input features. */
  transposed: boolean;
}

/** No real chain is longer. */
const CHAIN_LIMIT = 16;

export class OpenVinoWeights implements GraphReader {
  readonly file: string;
  readonly graph: Graph;
  readonly #made = new Map<string, Matrix>();

  constructor(file: string, graph: Graph) {
    this.file = file;
    this.graph = graph;
  }

  async linear(op: Op): Promise<Linear | null> {
    if (op.type !== 'MatMul') return null;
    const matrix = await this.#matrix(op, op.inputs[1] ?? '', op.attributes.get('transpose_b') !== 'true');
    if (matrix && op.attributes.get('transpose_a') === 'true')
      throw unsupported(this.file, op, 'its input is transposed');
    return matrix && { op, input: op.inputs[0] ?? '', output: op.outputs[0] ?? '', matrix };
  }

  async embedding(op: Op): Promise<Matrix | null> {
    if (op.type !== 'Gather') return null;
    const axis = this.graph.constants.get(this.graph.origin(op.inputs[2] ?? ''));
    if (axis && (await readIntegers(axis))[0] !== 0) return null;
    return this.#matrix(op, op.inputs[0] ?? '', false);
  }

  async #matrix(op: Op, value: ValueId, transposed: boolean): Promise<Matrix | null> {
    const chain = this.#chain(value, transposed);
    if (!chain) return null;
    const { codes, scales, zeros } = chain;
    const key = [codes, scales, zeros].map((tensor) => tensor?.offset).join() + String(chain.transposed);
    const known = this.#made.get(key);
    if (known) return known;
    const matrix = scales ? await this.#affine(op, chain, scales) : this.#floats(chain);
    if (matrix) this.#made.set(key, matrix);
    return matrix;
  }

  /** Goes back from a product's input to constants; null when something else than decompression is in between. */
  #chain(value: ValueId, transposed: boolean): Chain | null {
    const { graph } = this;
    const found: Omit<Chain, 'codes'> = { scales: null, zeros: null, transposed };
    let at = value;
    for (let steps = 0; steps < CHAIN_LIMIT; steps++) {
      const codes = graph.constants.get(at);
      if (codes) return { codes, ...found };
      const op = graph.producer(at);
      if (!op) return null;
      if (op.type === 'Const')
        throw unsupported(
          this.file,
          op,
          `weights of type ${JSON.stringify(op.attributes.get('element_type'))} are not supported`,
        );
      const [first = '', second = ''] = op.inputs;
      if (op.type === 'Mul' || op.type === 'Sub') {
        const side = this.#constant(second) ? 1 : op.type === 'Mul' && this.#constant(first) ? 0 : -1;
        const tensor = side < 0 ? null : this.#constant(op.inputs[side]!);
        if (!tensor || (op.type === 'Mul' ? found.scales : found.zeros)) return null;
        if (op.type === 'Mul') found.scales = tensor;
        else found.zeros = tensor;
        at = side === 1 ? first : second;
      } else if (op.type === 'Transpose') {
        found.transposed = !found.transposed;
        at = first;
      } else if (CASTS.has(op.type) || op.type === 'Reshape') at = first;
      else return null;
    }
    return null;
  }

  #constant(value: ValueId): StoredTensor | null {
    return this.graph.constants.get(this.graph.origin(value, undefined, CASTS)) ?? null;
  }

  #floats({ codes, transposed }: Chain): Matrix | null {
    const dims = codes.dims.filter((dim) => dim !== 1);
    // Vectors in products belong to the positions' arithmetic.
    if (dims.length !== 2 || !isFloat(codes.dtype)) return null;
    const tensor = { ...codes, dims };
    return transposed ? transposedFloats(tensor, dims[0]!, dims[1]!) : floatMatrix(tensor);
  }

  async #affine(op: Op, { codes, zeros, transposed }: Chain, scales: StoredTensor): Promise<Matrix | null> {
    const bits = codeBits(codes.dtype);
    if (!bits) return null;
    const shape = groupsOf(codes.dims, transposed);
    const signed = codes.dtype.startsWith('i');
    const half = bits === 4 ? 8 : 128;
    if (!shape || !fits(scales, shape) || (zeros && !fits(zeros, shape))) {
      throw unsupported(
        this.file,
        op,
        `weights [${codes.dims.join(', ')}] with scales [${scales.dims.join(', ')}] and zero points [${zeros?.dims.join(', ') ?? ''}]`,
      );
    }
    if (zeros && (signed ? zeros.dtype !== codes.dtype : !isFloat(zeros.dtype) && !zeros.dtype.startsWith('u'))) {
      throw unsupported(this.file, op, `${codes.dtype} weights with ${zeros.dtype} zero points`);
    }
    const { rows, cols, groups } = shape;
    const scale = elementCount(scales.name, scales.dims) === 1 ? await repeated(scales, rows) : scales;
    const single =
      zeros && elementCount(zeros.name, zeros.dims) === 1 && !isFloat(zeros.dtype)
        ? (await readIntegers(zeros))[0]! + (signed ? half : 0)
        : null;
    const block = cols / groups;
    if (transposed) {
      if (zeros && isFloat(zeros.dtype)) throw unsupported(this.file, op, 'float zero points of transposed weights');
      return transposedAffine({
        name: codes.name,
        k: cols,
        n: rows,
        block,
        codes,
        scales: scale,
        zeros: single ?? zeros ?? (signed ? half : 0),
      });
    }
    const perRow = zeros ? elementCount(zeros.name, zeros.dims) / rows : 0;
    let shift: Shift = { kind: 'constant', zero: single ?? (signed ? half : 0) };
    if (zeros && single === null)
      shift = isFloat(zeros.dtype)
        ? { kind: 'floats', tensor: await this.#rowZeros(zeros, rows), perRow: Math.max(perRow, 1) }
        : { kind: 'codes', tensor: zeros, perRow, stride: perRow };
    return affineMatrix({ name: codes.name, rows, cols, block, codes, scales: scale, shift });
  }

  async #rowZeros(zeros: StoredTensor, rows: number): Promise<StoredTensor> {
    return elementCount(zeros.name, zeros.dims) === 1 ? repeated(zeros, rows) : zeros;
  }
}

interface Shape {
  rows: number;
  cols: number;
  /** Groups of input features that may have scales of their own; 1 without grouping. */
  groups: number;
  /** Shapes that scales and zero points may have. */
  allowed: string[];
}

/** `[out, in]`, `[out, groups, group]`, or with the inputs first `[in, out]`, `[groups, group, out]`. */
function groupsOf(dims: readonly number[], transposed: boolean): Shape | null {
  const [a = 0, b = 0, c = 0] = dims;
  if (dims.some((dim) => !(dim > 0))) return null;
  if (dims.length === 2) {
    const [rows, cols] = transposed ? [b, a] : [a, b];
    return { rows, cols, groups: 1, allowed: [transposed ? `1,${rows}` : `${rows},1`] };
  }
  if (dims.length !== 3) return null;
  if (transposed) return { rows: c, cols: a * b, groups: a, allowed: [`${a},1,${c}`] };
  return { rows: a, cols: b * c, groups: b, allowed: [`${a},${b},1`] };
}

function fits(tensor: StoredTensor, shape: Shape): boolean {
  return tensor.dims.every((dim) => dim === 1) || shape.allowed.includes(tensor.dims.join());
}
