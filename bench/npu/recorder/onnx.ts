/**
 * Turns recorded calls of MLGraphBuilder into ONNX, as Chromium does for ONNX Runtime's providers (services/webnn/ort/graph_builder_ort.cc, 2026). What it
 * writes differently from our own graphs: scales and zero points are reshaped in the graph, indices are clamped, and the best index is int64 first.
 */
import { Graph, type Attribute, type Value } from '../../../workers/engine/graph/onnx.ts';
import type { Dtype } from '../../../workers/engine/weights/plan.ts';
import type { Argument, RecordedCall, RecordedOperand, Recording } from './recording.ts';

/** TensorProto.DataType */
const TYPE: Partial<Record<string, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  float16: 10,
  uint4: 21,
  int4: 22,
};

/** Operators whose inputs are operands alone, by the method. */
const PLAIN: Readonly<Record<string, string>> = {
  add: 'Add',
  sub: 'Sub',
  mul: 'Mul',
  div: 'Div',
  max: 'Max',
  min: 'Min',
  pow: 'Pow',
  matmul: 'MatMul',
  abs: 'Abs',
  exp: 'Exp',
  log: 'Log',
  neg: 'Neg',
  sqrt: 'Sqrt',
  reciprocal: 'Reciprocal',
  identity: 'Identity',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
};
const REDUCE: Readonly<Record<string, string>> = {
  reduceMax: 'ReduceMax',
  reduceMin: 'ReduceMin',
  reduceMean: 'ReduceMean',
  reduceSum: 'ReduceSum',
};

type Options = Readonly<Record<string, Argument>>;

/** One call, with what its conversion needs. */
class Conversion {
  readonly g: Graph;
  readonly call: RecordedCall;
  readonly #names: ReadonlyMap<number, Value>;
  readonly #operands: ReadonlyMap<number, RecordedOperand>;

  constructor(
    g: Graph,
    call: RecordedCall,
    names: ReadonlyMap<number, Value>,
    operands: ReadonlyMap<number, RecordedOperand>,
  ) {
    this.g = g;
    this.call = call;
    this.#names = names;
    this.#operands = operands;
  }

  /** Name of the value that the call makes. */
  get out(): Value {
    return this.#names.get(this.call.made[0]!.id)!;
  }

  get made(): RecordedOperand {
    return this.call.made[0]!;
  }

  operand(index: number): RecordedOperand {
    return this.#operands.get((this.call.args[index] as { operand: number }).operand)!;
  }

  /** Name of an operand: the argument at this place, or one among the options. */
  name(argument: number | Argument): Value {
    const given = typeof argument === 'number' ? this.call.args[argument]! : argument;
    return this.#names.get((given as { operand: number }).operand)!;
  }

  numbers(index: number): number[] {
    return this.call.args[index] as number[];
  }

  options(index: number): Options {
    return (this.call.args[index] ?? {}) as Options;
  }

  write(type: string, inputs: Value[], attributes: Record<string, Attribute> = {}): void {
    this.g.ops(type, inputs, [this.out], attributes);
  }

  /** Indices within the range that ONNX allows: from -size to size - 1. */
  clamped(indices: Value, { dataType }: RecordedOperand, size: number): Value {
    const scalar = (value: number) =>
      dataType === 'int64'
        ? this.g.int64(value)
        : this.g.tensor(this.g.fresh('limit'), 'int32', [], Int32Array.of(value));
    return this.g.op('Clip', [indices, scalar(-size), scalar(size - 1)]);
  }
}

/** Conversions that need more than a name. */
const SPECIAL: Readonly<Record<string, (c: Conversion) => void>> = {
  cast: (c) => c.write('Cast', [c.name(0)], { to: { int: typeNumber(c.made.dataType) } }),
  clamp(c) {
    const { minValue = -Infinity, maxValue = Infinity } = c.options(1);
    const limit = (value: Argument) => {
      const scalar = c.g.float(Number(value));
      return c.made.dataType === 'float32'
        ? scalar
        : c.g.op('Cast', [scalar], { to: { int: typeNumber(c.made.dataType) } });
    };
    c.write('Clip', [c.name(0), limit(minValue), limit(maxValue)]);
  },
  concat(c) {
    const parts = (c.call.args[0] as Argument[]).map((part) => c.name(part));
    c.write('Concat', parts, { axis: { int: Number(c.call.args[1]) } });
  },
  cumulativeSum(c) {
    const { exclusive = false, reversed = false } = c.options(2);
    const flags = { exclusive: { int: Number(exclusive) }, reverse: { int: Number(reversed) } };
    c.write('CumSum', [c.name(0), c.g.int64(Number(c.call.args[1]))], flags);
  },
  dequantizeLinear: dequantise,
  expand: (c) => c.write('Expand', [c.name(0), c.g.int64(c.made.shape)]),
  gather(c) {
    const axis = Number(c.options(2)['axis'] ?? 0);
    const indices = c.clamped(c.name(1), c.operand(1), c.operand(0).shape[axis]!);
    c.write('Gather', [c.name(0), indices], { axis: { int: axis } });
  },
  gemm(c) {
    const { c: bias, alpha = 1, beta = 1, aTranspose = false, bTranspose = false } = c.options(2);
    c.write('Gemm', [c.name(0), c.name(1), ...(bias ? [c.name(bias)] : [])], {
      alpha: { float: Number(alpha) },
      beta: { float: Number(beta) },
      transA: { int: Number(aTranspose) },
      transB: { int: Number(bTranspose) },
    });
  },
  argMax(c) {
    const keepdims = Number(c.options(2)['keepDimensions'] ?? false);
    const attributes = { axis: { int: Number(c.call.args[1]) }, keepdims: { int: keepdims } };
    if (c.made.dataType === 'int64') return c.write('ArgMax', [c.name(0)], attributes);
    c.write('Cast', [c.g.op('ArgMax', [c.name(0)], attributes)], { to: { int: typeNumber(c.made.dataType) } });
  },
  reshape: (c) => c.write('Reshape', [c.name(0), c.g.int64(c.made.shape)]),
  scatterND(c) {
    const indices = c.operand(1).dataType === 'int64' ? c.name(1) : c.g.op('Cast', [c.name(1)], { to: { int: 7 } });
    c.write('ScatterND', [c.name(0), indices, c.name(2)]);
  },
  slice(c) {
    const starts = c.numbers(1);
    const sizes = c.numbers(2);
    const ends = starts.map((start, i) => start + sizes[i]!);
    const strides = (c.options(3)['strides'] as number[] | undefined) ?? starts.map(() => 1);
    const vectors = [starts, ends, starts.map((_, i) => i), strides].map((values) => c.g.int64(values));
    c.write('Slice', [c.name(0), ...vectors]);
  },
  softmax: (c) => c.write('Softmax', [c.name(0)], { axis: { int: Number(c.call.args[1]) } }),
  transpose(c) {
    const reversed = c.made.shape.map((_, i, { length }) => length - 1 - i);
    c.write('Transpose', [c.name(0)], {
      perm: { ints: (c.options(1)['permutation'] as number[] | undefined) ?? reversed },
    });
  },
  where: (c) => c.write('Where', [c.g.op('Cast', [c.name(0)], { to: { int: 9 } }), c.name(1), c.name(2)]),
};

/** A scale for all, for each index of an axis, or for blocks of an axis: ONNX wants a scalar, a vector, or the input's rank. */
function dequantise(c: Conversion): void {
  const { shape } = c.operand(0);
  const scales = c.operand(1).shape;
  const wide = scales.flatMap((size, i) => (size === 1 ? [] : [i + shape.length - scales.length]));
  const axis = wide[0] ?? 0;
  const reshaped = (index: number, dims: number[]) => c.g.op('Reshape', [c.name(index), c.g.int64(dims)]);
  if (wide.length === 0 || (wide.length === 1 && scales[axis - shape.length + scales.length] === shape[axis])) {
    const dims = wide.length === 0 ? [] : [shape[axis]!];
    c.write('DequantizeLinear', [c.name(0), reshaped(1, dims), reshaped(2, dims)], { axis: { int: axis } });
    return;
  }
  const blocked = shape.findIndex((size, i) => size !== scales[i]);
  c.write('DequantizeLinear', [c.name(0), c.name(1), c.name(2)], {
    axis: { int: blocked },
    block_size: { int: shape[blocked]! / scales[blocked]! },
  });
}

function typeNumber(dataType: string): number {
  const number = TYPE[dataType];
  if (number === undefined) throw new RangeError(`The recorder knows no ${dataType} values.`);
  return number;
}

function constantBytes({ made: [operand], args }: RecordedCall): Uint8Array {
  const data = args.find((argument) => typeof argument === 'object' && argument !== null && 'base64' in argument);
  if (!data || !operand) throw new RangeError('A constant was recorded without its bytes.');
  return Buffer.from((data as { base64: string }).base64, 'base64');
}

function convert(c: Conversion): void {
  const { method } = c.call;
  const plain = PLAIN[method];
  const reduce = REDUCE[method];
  if (method === 'input') {
    c.g.input(c.out, c.made.dataType as Dtype, c.made.shape);
  } else if (method === 'constant') {
    c.g.tensor(c.out, c.made.dataType as Dtype, c.made.shape, constantBytes(c.call));
  } else if (plain) {
    const operands = c.call.args.filter(
      (argument) => typeof argument === 'object' && argument && 'operand' in argument,
    );
    c.write(
      plain,
      operands.map((operand) => c.name(operand)),
    );
  } else if (reduce) {
    const { axes = c.operand(0).shape.map((_, i) => i), keepDimensions = false } = c.options(1);
    c.write(reduce, [c.name(0), c.g.int64(axes as number[])], { keepdims: { int: Number(keepDimensions) } });
  } else {
    const special = SPECIAL[method];
    if (!special) throw new RangeError(`The recorder does not know the operator "${method}".`);
    special(c);
  }
}

/** The model that Chromium would make of these calls. Outputs have the shapes that the browser inferred. */
export function onnxOf({ calls, outputs }: Recording): Uint8Array {
  const g = new Graph('webnn');
  const operands = new Map<number, RecordedOperand>();
  const names = new Map<number, Value>();
  for (const { method, args, made } of calls)
    for (const operand of made) {
      operands.set(operand.id, operand);
      names.set(operand.id, method === 'input' ? (args[0] as string) : `operand_${operand.id}`);
    }
  for (const [name, id] of Object.entries(outputs)) {
    names.set(id, name);
    const { dataType, shape } = operands.get(id)!;
    g.output(name, dataType as Dtype, shape);
  }
  for (const call of calls) convert(new Conversion(g, call, names, operands));
  return g.toModel();
}
