/** Takes small ONNX models apart and writes them again, for tests that need a layout which no fixture has. Everything is in memory. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

interface RawField {
  no: number;
  wire: WireType;
  /** Without tag and length. */
  content: Uint8Array;
}

export interface EditNode {
  type: string;
  domain: string;
  name: string;
  inputs: string[];
  outputs: string[];
  /** Each an AttributeProto. */
  attributes: Uint8Array[];
}

export interface EditTensor {
  name: string;
  /** TensorProto.DataType */
  type: number;
  dims: number[];
  data: Uint8Array;
}

export interface EditModel {
  nodes: EditNode[];
  tensors: EditTensor[];
  /** Fields of GraphProto and ModelProto that are copied as they are. */
  graphRest: RawField[];
  modelRest: RawField[];
}

const utf8 = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function split(bytes: Uint8Array): RawField[] {
  const reader = new BinaryReader(bytes);
  const fields: RawField[] = [];
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    if (wire === WireType.LengthDelimited) fields.push({ no, wire, content: reader.bytes() });
    else {
      const from = reader.pos;
      reader.skip(wire);
      fields.push({ no, wire, content: bytes.subarray(from, reader.pos) });
    }
  }
  return fields;
}

function put(writer: BinaryWriter, { no, wire, content }: RawField): void {
  writer.tag(no, wire);
  if (wire === WireType.LengthDelimited) writer.bytes(content);
  else writer.raw(content);
}

const varint = (content: Uint8Array) => Number(new BinaryReader(content).int64());

function readTensor(bytes: Uint8Array, files: ReadonlyMap<string, Uint8Array>): EditTensor {
  const fields = split(bytes);
  const one = (no: number) => fields.find((field) => field.no === no)?.content;
  const dims: number[] = [];
  for (const field of fields.filter(({ no }) => no === 1)) {
    const reader = new BinaryReader(field.content);
    if (field.wire === WireType.Varint) dims.push(varint(field.content));
    else while (reader.pos < reader.len) dims.push(Number(reader.int64()));
  }
  const external = new Map(
    fields
      .filter(({ no }) => no === 13)
      .map(({ content }) => split(content).map((entry) => utf8(entry.content)) as [string, string]),
  );
  const location = external.get('location');
  const data = location
    ? files
        .get(location)!
        .subarray(Number(external.get('offset')), Number(external.get('offset')) + Number(external.get('length')))
    : (one(9) ?? new Uint8Array(0));
  return { name: utf8(one(8) ?? new Uint8Array(0)), type: varint(one(2)!), dims, data };
}

function readNode(bytes: Uint8Array): EditNode {
  const fields = split(bytes);
  const texts = (no: number) => fields.filter((field) => field.no === no).map(({ content }) => utf8(content));
  return {
    inputs: texts(1),
    outputs: texts(2),
    name: texts(3)[0] ?? '',
    type: texts(4)[0] ?? '',
    domain: texts(7)[0] ?? '',
    attributes: fields.filter(({ no }) => no === 5).map(({ content }) => content),
  };
}

/** `files`: the model's external data by location. */
export function takeApart(bytes: Uint8Array, files: ReadonlyMap<string, Uint8Array>): EditModel {
  const model = split(bytes);
  const graph = split(model.find(({ no }) => no === 7)!.content);
  return {
    nodes: graph.filter(({ no }) => no === 1).map(({ content }) => readNode(content)),
    tensors: graph.filter(({ no }) => no === 5).map(({ content }) => readTensor(content, files)),
    graphRest: graph.filter(({ no }) => no !== 1 && no !== 5),
    modelRest: model.filter(({ no }) => no !== 7),
  };
}

function message(writer: BinaryWriter, no: number, write: (writer: BinaryWriter) => void): void {
  writer.tag(no, WireType.LengthDelimited).fork();
  write(writer);
  writer.join();
}
const text = (writer: BinaryWriter, no: number, value: string) =>
  writer.tag(no, WireType.LengthDelimited).string(value);
const int = (writer: BinaryWriter, no: number, value: number) => writer.tag(no, WireType.Varint).int64(value);

/** An AttributeProto of a whole number. */
export function intAttribute(name: string, value: number): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, name);
  int(writer, 3, value);
  int(writer, 20, 2);
  return writer.finish();
}

/** An AttributeProto of whole numbers. */
export function intsAttribute(name: string, values: number[]): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, name);
  message(writer, 8, (packed) => values.forEach((value) => packed.int64(value)));
  int(writer, 20, 7);
  return writer.finish();
}

/** The whole number in an attribute of `node`. */
export function intOf(node: EditNode, name: string): number {
  for (const attribute of node.attributes) {
    const fields = split(attribute);
    if (utf8(fields.find(({ no }) => no === 1)!.content) === name)
      return varint(fields.find(({ no }) => no === 3)?.content ?? Uint8Array.of(0));
  }
  throw new Error(`${node.name} has no attribute ${name}`);
}

function writeTensor(
  writer: BinaryWriter,
  tensor: EditTensor,
  external: { location: string; offset: number } | null,
): void {
  message(writer, 1, (packed) => tensor.dims.forEach((dim) => packed.int64(dim)));
  int(writer, 2, tensor.type);
  text(writer, 8, tensor.name);
  if (!external) {
    writer.tag(9, WireType.LengthDelimited).bytes(tensor.data);
    return;
  }
  for (const [key, value] of Object.entries({ ...external, length: tensor.data.length })) {
    message(writer, 13, (entry) => {
      text(entry, 1, key);
      text(entry, 2, String(value));
    });
  }
  int(writer, 14, 1);
}

/** Puts a model together. `parts`: external-data files, filled one after the other; none: the weights are in the model itself. */
export function putTogether(
  model: EditModel,
  parts: readonly string[],
): { model: Uint8Array; data: Map<string, Uint8Array> } {
  const offsets = new Map(parts.map((part) => [part, 0]));
  const chunks = new Map<string, Uint8Array[]>(parts.map((part) => [part, []]));
  const writer = new BinaryWriter();
  model.modelRest.forEach((field) => put(writer, field));
  message(writer, 7, (graph) => {
    for (const node of model.nodes) {
      message(graph, 1, (w) => {
        node.inputs.forEach((name) => text(w, 1, name));
        node.outputs.forEach((name) => text(w, 2, name));
        text(w, 3, node.name);
        text(w, 4, node.type);
        node.attributes.forEach((attribute) => w.tag(5, WireType.LengthDelimited).bytes(attribute));
        if (node.domain) text(w, 7, node.domain);
      });
    }
    model.tensors.forEach((tensor, i) => {
      const part = parts[Math.floor((i * parts.length) / model.tensors.length)];
      const external =
        part === undefined || tensor.data.length < 256 ? null : { location: part, offset: offsets.get(part)! };
      message(graph, 5, (w) => writeTensor(w, tensor, external));
      if (!external) return;
      chunks.get(external.location)!.push(tensor.data);
      offsets.set(external.location, external.offset + tensor.data.length);
    });
    model.graphRest.forEach((field) => put(graph, field));
  });
  const data = new Map([...chunks].map(([part, pieces]) => [part, new Uint8Array(Buffer.concat(pieces))]));
  return { model: writer.finish(), data };
}
