/**
 * Writes ONNX graphs (onnx.proto3, IR version 10) in memory. Values are named by strings; a subgraph sees the values of the graphs around it.
 * Weights are external data: the protobuf holds only where they lie.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Dtype } from '../weights/plan.ts';

/** TensorProto.DataType */
const DTYPE: Record<Dtype, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  uint4: 21,
  int4: 22,
};
/** A dimension: a number, or a name for one that is known at run time only. */
export type Dim = number | string;
/** Name of a tensor in the graph. `''` leaves an optional input out. */
export type Value = string;
/** Written as AttributeProto of the matching type. `int` marks whole numbers, bare numbers are floats. */
export type Attribute =
  { int: number } | { ints: number[] } | { float: number } | { string: string } | { graph: Graph } | { tensor: Tensor };

interface Tensor {
  dtype: Dtype;
  dims: number[];
  data: ArrayBufferView;
}

interface External {
  location: string;
  offset: number;
  length: number;
}

type Write = (w: BinaryWriter) => void;

const IR_VERSION = 10;
const OPSET = 21;

function message(writer: BinaryWriter, field: number, write: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}
const text = (writer: BinaryWriter, field: number, value: string) =>
  writer.tag(field, WireType.LengthDelimited).string(value);
const int = (writer: BinaryWriter, field: number, value: number) => writer.tag(field, WireType.Varint).int64(value);

function writeTensor(
  w: BinaryWriter,
  name: string,
  dtype: Dtype,
  dims: number[],
  body: ArrayBufferView | External,
): void {
  message(w, 1, (packed) => dims.forEach((dim) => packed.int64(dim)));
  int(w, 2, DTYPE[dtype]);
  if (name) text(w, 8, name);
  if (ArrayBuffer.isView(body)) {
    w.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
    return;
  }
  for (const [key, value] of Object.entries(body)) {
    message(w, 13, (entry) => {
      text(entry, 1, key);
      text(entry, 2, String(value));
    });
  }
  int(w, 14, 1); // data_location EXTERNAL
}

function writeValueInfo(w: BinaryWriter, name: string, dtype: Dtype, dims: readonly Dim[] | null): void {
  text(w, 1, name);
  message(w, 2, (type) =>
    message(type, 1, (tensor) => {
      int(tensor, 1, DTYPE[dtype]);
      if (!dims) return;
      message(tensor, 2, (shape) => {
        for (const dim of dims) message(shape, 1, (d) => (typeof dim === 'number' ? int(d, 1, dim) : text(d, 2, dim)));
      });
    }),
  );
}

function writeAttribute(w: BinaryWriter, name: string, attribute: Attribute): void {
  text(w, 1, name);
  if ('int' in attribute) {
    int(w, 3, attribute.int);
    int(w, 20, 2);
  } else if ('ints' in attribute) {
    message(w, 8, (packed) => attribute.ints.forEach((value) => packed.int64(value)));
    int(w, 20, 7);
  } else if ('float' in attribute) {
    w.tag(2, WireType.Bit32).float(attribute.float);
    int(w, 20, 1);
  } else if ('string' in attribute) {
    text(w, 4, attribute.string);
    int(w, 20, 3);
  } else if ('graph' in attribute) {
    message(w, 6, (sub) => attribute.graph.write(sub));
    int(w, 20, 5);
  } else {
    message(w, 5, (tensor) =>
      writeTensor(tensor, '', attribute.tensor.dtype, attribute.tensor.dims, attribute.tensor.data),
    );
    int(w, 20, 4);
  }
}

/** A graph under construction. Methods return the names of the values that they make. */
export class Graph {
  readonly name: string;
  readonly #root: Graph;
  #nodes: { type: string; inputs: Value[]; outputs: Value[]; write: Write }[] = [];
  #initializers: { name: Value; write: Write }[] = [];
  #inputs: { name: Value; write: Write }[] = [];
  readonly #outputs: { name: Value; write: Write }[] = [];
  /** Constants of this graph by content, so that equal scalars and shapes are written once. */
  readonly #constants = new Map<string, Value>();
  /** Other names of values, used when the graph is written. */
  readonly #names = new Map<Value, Value>();
  #counter = 0;
  /** Number of nodes by operator, of this graph and its subgraphs: for tests and the report. */
  readonly opCounts = new Map<string, number>();

  constructor(name: string, parent?: Graph) {
    this.name = name;
    this.#root = parent ? parent.#root : this;
  }

  /** A graph for If or Loop, whose nodes may use this graph's values. */
  subgraph(name: string): Graph {
    return new Graph(name, this);
  }

  /** A fresh value name, unique in the whole model. */
  fresh(hint: string): Value {
    return `${hint}_${this.#root.#counter++}`;
  }

  input(name: string, dtype: Dtype, dims: readonly Dim[] | null): Value {
    this.#inputs.push({ name, write: (w) => writeValueInfo(w, name, dtype, dims) });
    return name;
  }

  output(name: string, dtype: Dtype, dims: readonly Dim[] | null): void {
    this.#outputs.push({ name, write: (w) => writeValueInfo(w, name, dtype, dims) });
  }

  /** An initializer whose bytes are in the protobuf. Use for small ones only. */
  tensor(name: string, dtype: Dtype, dims: number[], data: ArrayBufferView): Value {
    this.#initializers.push({ name, write: (w) => writeTensor(w, name, dtype, dims, data) });
    return name;
  }

  /** An initializer that lies in external data. */
  external(name: string, dtype: Dtype, dims: number[], at: External): Value {
    this.#initializers.push({ name, write: (w) => writeTensor(w, name, dtype, dims, at) });
    return name;
  }

  /** int64 constant: a scalar for a number, a vector for an array. */
  int64(value: number | number[]): Value {
    const values = typeof value === 'number' ? [value] : value;
    return this.#constant('i', JSON.stringify(value), 'int64', typeof value === 'number' ? [] : [value.length], () =>
      BigInt64Array.from(values.map(BigInt)),
    );
  }

  /** float32 constant: a scalar for a number, a vector for an array. */
  float(value: number | number[]): Value {
    const values = typeof value === 'number' ? [value] : value;
    return this.#constant(
      'f',
      values.map(String).join() + typeof value,
      'float32',
      typeof value === 'number' ? [] : [value.length],
      () => Float32Array.from(values),
    );
  }

  /** float32 constant of any shape. */
  floats(values: number[], dims: number[]): Value {
    return this.#constant('f', `${values.join()}[${dims.join()}]`, 'float32', dims, () => Float32Array.from(values));
  }

  uint8(value: number): Value {
    return this.#constant('u', String(value), 'uint8', [], () => Uint8Array.of(value));
  }

  bool(value: boolean): Value {
    return this.#constant('b', String(value), 'bool', [], () => Uint8Array.of(value ? 1 : 0));
  }

  #constant(prefix: string, key: string, dtype: Dtype, dims: number[], data: () => ArrayBufferView): Value {
    const root = this.#root; // constants live in the outermost graph, where every subgraph sees them
    const known = root.#constants.get(prefix + key);
    if (known) return known;
    const name = root.fresh(prefix);
    root.#constants.set(prefix + key, name);
    return root.tensor(name, dtype, dims, data());
  }

  /** Adds a node with one output. `domain` is taken from the `com.microsoft::Op` form. */
  op(type: string, inputs: Value[], attributes: Record<string, Attribute> = {}): Value {
    return this.ops(type, inputs, 1, attributes)[0]!;
  }

  /** Adds a node with several outputs. `outputs`: how many, or their names (`''` for one not wanted). */
  ops(type: string, inputs: Value[], outputs: number | Value[], attributes: Record<string, Attribute> = {}): Value[] {
    const [domain, opType] = type.includes('::') ? (type.split('::') as [string, string]) : ['', type];
    const names = typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.fresh(opType)) : outputs;
    const nodeName = this.fresh(`n_${opType}`);
    this.#root.opCounts.set(opType, (this.#root.opCounts.get(opType) ?? 0) + 1);
    const write = (w: BinaryWriter) => {
      const called = this.#root.#names;
      inputs.forEach((name) => text(w, 1, called.get(name) ?? name));
      names.forEach((name) => text(w, 2, called.get(name) ?? name));
      text(w, 3, nodeName);
      text(w, 4, opType);
      for (const [name, attribute] of Object.entries(attributes))
        message(w, 5, (a) => writeAttribute(a, name, attribute));
      if (domain) text(w, 7, domain);
    };
    this.#nodes.push({ type: opType, inputs, outputs: names, write });
    return names;
  }

  /** Names of the graph's inputs, in order. */
  get inputs(): Value[] {
    return this.#inputs.map(({ name }) => name);
  }

  /** Drops nodes, inputs and initializers that no output needs. For graphs without If and Loop, whose subgraphs use values unseen. */
  prune(): void {
    const needed = new Set(this.#outputs.map(({ name }) => name));
    const called = this.#root.#names;
    const kept = [];
    for (const node of this.#nodes.toReversed()) {
      if (node.outputs.some((name) => needed.has(called.get(name) ?? name) || needed.has(name))) {
        kept.push(node);
        for (const name of node.inputs) needed.add(name);
      } else this.#root.opCounts.set(node.type, this.#root.opCounts.get(node.type)! - 1);
    }
    this.#nodes = kept.reverse();
    this.#inputs = this.#inputs.filter(({ name }) => needed.has(name));
    this.#initializers = this.#initializers.filter(({ name }) => needed.has(name));
  }

  /** Gives `value` the name `name`, for outputs. */
  rename(value: Value, name: Value): Value {
    return this.ops('Identity', [value], [name])[0]!;
  }

  /** Has the node that makes `value` call it `name`: for outputs where an Identity would cost a copy. */
  call(value: Value, name: Value): Value {
    this.#root.#names.set(value, name);
    return value;
  }

  /** Writes the GraphProto. */
  write(w: BinaryWriter): void {
    for (const { write } of this.#nodes) message(w, 1, write);
    text(w, 2, this.name);
    for (const { write } of this.#initializers) message(w, 5, write);
    for (const { write } of this.#inputs) message(w, 11, write);
    for (const { write } of this.#outputs) message(w, 12, write);
  }

  /** The ModelProto. */
  toModel(): Uint8Array {
    const w = new BinaryWriter();
    int(w, 1, IR_VERSION);
    text(w, 2, 'phi-in-a-tab');
    message(w, 7, (graph) => this.write(graph));
    for (const [domain, version] of [
      ['', OPSET],
      ['com.microsoft', 1],
    ] as const) {
      message(w, 8, (opset) => {
        text(opset, 1, domain);
        int(opset, 2, version);
      });
    }
    return w.finish();
  }
}
