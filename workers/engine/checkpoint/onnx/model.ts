/** An .onnx file as a Graph: nodes, constants as stored tensors (inside the file or in external data), subgraphs. Weights are not read. */
import { PhiError } from '../../../shared/errors.ts';
import { blobSource, type ByteSource, type ModelFiles } from '../../../store/bytes.ts';
import { Graph, type Attribute, type Op } from '../network/graph.ts';
import { folderOf } from '../json.ts';
import { fixedFloat, ProtoReader, type Field } from './proto.ts';
import { byteLength, storedTensor, type Dtype, type StoredTensor } from '../tensor.ts';

/** TensorProto.DataType */
const DTYPES: Record<number, Dtype> = {
  1: 'f32',
  2: 'u8',
  3: 'i8',
  6: 'i32',
  7: 'i64',
  9: 'bool',
  10: 'f16',
  11: 'f64',
  12: 'u32',
  16: 'bf16',
  21: 'u4',
  22: 'i4',
};
/** If in If in If does not occur in a decoder. */
const DEPTH_LIMIT = 3;
const NODE_LIMIT = 20_000;
const LIST_LIMIT = 4096;
/** Values outside raw_data are decoded at once, so only short ones are taken. */
const TYPED_LIMIT = 1 << 16;

class ModelReader {
  readonly #proto: ProtoReader;
  readonly #files: ModelFiles;
  readonly #file: string;
  #nodes = 0;

  constructor(source: ByteSource, files: ModelFiles) {
    this.#proto = new ProtoReader(source);
    this.#files = files;
    this.#file = source.name;
  }

  async model(size: number): Promise<Graph> {
    const graph = (await this.#proto.fields(0, size)).find(({ no, wire }) => no === 7 && wire === 2);
    if (!graph)
      throw new PhiError(
        'bad-model',
        `${this.#file} contains no graph. It is truncated, damaged or not an ONNX model.`,
      );
    return this.#graph(graph, 0);
  }

  async #graph(message: Field, depth: number): Promise<Graph> {
    if (depth > DEPTH_LIMIT)
      throw new PhiError(
        'bad-model',
        `${this.#file}: graphs are nested more than ${DEPTH_LIMIT} deep. The file is damaged.`,
      );
    const constants = new Map<string, StoredTensor>();
    const ops: Op[] = [];
    const outputs: string[] = [];
    for (const field of await this.#fields(message)) {
      if (field.no === 1) {
        if (++this.#nodes > NODE_LIMIT)
          throw new PhiError(
            'bad-model',
            `${this.#file} has more than ${NODE_LIMIT} nodes, over ten times as many as a Phi model.`,
          );
        const op = await this.#node(field, depth);
        const value = op.type === 'Constant' ? this.#constant(op) : null;
        if (value) constants.set(op.outputs[0] ?? '', value);
        else ops.push(op);
      } else if (field.no === 5) {
        const tensor = await this.#tensor(field);
        if (tensor) constants.set(tensor.name, tensor);
      } else if (field.no === 12) outputs.push(await this.#name(field));
    }
    return new Graph(this.#file, ops, constants, outputs);
  }

  /** Fields of a submessage; a field that should hold a message and does not is damage. */
  async #fields(message: Field): Promise<Field[]> {
    if (message.wire !== 2)
      throw new PhiError(
        'bad-model',
        `${this.#file}: field ${message.no} at byte ${message.offset} is not a message. The file is damaged.`,
      );
    return this.#proto.fields(message.offset, message.length);
  }

  /** The `name` of a ValueInfoProto. */
  async #name(message: Field): Promise<string> {
    const name = (await this.#fields(message)).find(({ no }) => no === 1);
    return name ? this.#proto.string(name) : '';
  }

  async #node(message: Field, depth: number): Promise<Op> {
    const op = {
      type: '',
      domain: '',
      name: '',
      inputs: [] as string[],
      outputs: [] as string[],
      attributes: new Map<string, Attribute>(),
    };
    for (const field of await this.#fields(message)) {
      if (field.no === 5) {
        const [name, value] = await this.#attribute(field, depth);
        if (value !== null) op.attributes.set(name, value);
        continue;
      }
      if (field.no > 7 || field.no === 6 || field.wire !== 2) continue;
      const text = await this.#proto.string(field);
      if (field.no === 1) op.inputs.push(text);
      else if (field.no === 2) op.outputs.push(text);
      else if (field.no === 3) op.name = text;
      else if (field.no === 4) op.type = text;
      else if (field.no === 7) op.domain = text;
    }
    if (op.inputs.length > LIST_LIMIT || op.outputs.length > LIST_LIMIT)
      throw new PhiError('bad-model', `${this.#file}: node "${op.name}" has too many inputs. The file is damaged.`);
    return op;
  }

  async #attribute(message: Field, depth: number): Promise<[string, Attribute | null]> {
    const fields = await this.#fields(message);
    const last = (no: number) => fields.findLast((field) => field.no === no);
    const [nameField, float, int, text, tensor, graph] = [1, 2, 3, 4, 5, 6].map(last);
    const name = nameField ? await this.#proto.string(nameField) : '';
    // AttributeProto.type: proto3 leaves a zero value out, so the type says which field is meant.
    const type = last(20)?.value ?? 0;
    if (type === 1) return [name, float ? fixedFloat(float) : 0];
    if (type === 2) return [name, int ? int.value : 0];
    if (type === 3) return [name, text ? await this.#proto.string(text) : ''];
    if (type === 4 && tensor) return [name, await this.#tensor(tensor)];
    if (type === 5 && graph) return [name, await this.#graph(graph, depth + 1)];
    const ints = fields.filter(({ no }) => no === 8);
    if (type === 7) return [name, await this.#proto.integers(ints, LIST_LIMIT)];
    return [name, null];
  }

  /** The value of a Constant node, in whichever attribute it is; null for strings and sparse ones. */
  #constant(op: Op): StoredTensor | null {
    const name = op.outputs[0] ?? '';
    const value = op.attributes.get('value');
    if (value && typeof value === 'object' && 'dtype' in value) return { ...value, name };
    const float = op.attributes.get('value_float');
    if (typeof float === 'number') return this.#inMemory(name, 'f32', [], Float32Array.of(float));
    const int = op.attributes.get('value_int') ?? op.attributes.get('value_ints');
    if (typeof int !== 'number' && !Array.isArray(int)) return null;
    const ints = [int].flat();
    return this.#inMemory(name, 'i64', Array.isArray(int) ? [ints.length] : [], BigInt64Array.from(ints, toBigInt));
  }

  #inMemory(name: string, dtype: Dtype, dims: number[], data: ArrayBufferView<ArrayBuffer>): StoredTensor {
    return storedTensor({
      name,
      dtype,
      dims,
      source: blobSource(`${this.#file} (${name})`, new Blob([data])),
      offset: 0,
    });
  }

  /** A TensorProto; null when its type is one that no weight here has. */
  async #tensor(message: Field): Promise<StoredTensor | null> {
    const fields = await this.#fields(message);
    const last = (no: number) => fields.findLast((field) => field.no === no);
    const nameField = last(8);
    const name = nameField ? await this.#proto.string(nameField) : '';
    const dims = await this.#proto.integers(
      fields.filter(({ no }) => no === 1),
      16,
    );
    const dtype = DTYPES[last(2)?.value ?? 0];
    if (!dtype) return null;
    const bytes = byteLength(`${this.#file}: ${name}`, dtype, dims);
    if (last(14)?.value === 1)
      return this.#external(
        name,
        dtype,
        dims,
        bytes,
        fields.filter(({ no }) => no === 13),
      );
    const raw = last(9) ?? (dtype === 'f32' ? last(4) : dtype === 'f64' ? last(10) : undefined);
    if (raw?.length === bytes)
      return storedTensor({ name, dtype, dims, source: this.#proto.source, offset: raw.offset });
    if (raw)
      throw new PhiError(
        'bad-model',
        `${this.#file}: ${name} holds ${raw.length} bytes, but its shape [${dims.join(', ')}] of ${dtype} needs ${bytes}. The file is damaged.`,
      );
    return this.#typed(name, dtype, dims, bytes, fields);
  }

  /** Integers and float16 written as varints. */
  async #typed(name: string, dtype: Dtype, dims: number[], bytes: number, fields: Field[]): Promise<StoredTensor> {
    if (bytes > TYPED_LIMIT * 8)
      throw new PhiError(
        'bad-model',
        `${this.#file}: ${name} should have ${bytes} bytes, but it has no raw data. The file is damaged.`,
      );
    const values = await this.#proto.integers(
      fields.filter(({ no }) => no === 5 || no === 7 || no === 11),
      TYPED_LIMIT,
    );
    const data = new Uint8Array(bytes);
    const width = dtype === 'u4' || dtype === 'i4' ? 1 : bytes / Math.max(values.length, 1);
    if (values.length * width !== bytes)
      throw new PhiError(
        'bad-model',
        `${this.#file}: ${name} holds ${values.length} values, which is too few for its shape [${dims.join(', ')}]. The file is damaged.`,
      );
    const view = new DataView(data.buffer);
    values.forEach((value, i) => {
      if (width === 8) view.setBigInt64(i * 8, toBigInt(value), true);
      else if (width === 4) view.setInt32(i * 4, value, true);
      else if (width === 2) view.setInt16(i * 2, value, true);
      else view.setInt8(i, value);
    });
    return this.#inMemory(name, dtype, dims, data);
  }

  async #external(name: string, dtype: Dtype, dims: number[], bytes: number, entries: Field[]): Promise<StoredTensor> {
    const at = new Map<string, string>();
    for (const entry of entries) {
      const fields = await this.#fields(entry);
      const text = async (no: number) => {
        const field = fields.find((candidate) => candidate.no === no);
        return field ? this.#proto.string(field) : '';
      };
      at.set(await text(1), await text(2));
    }
    const location = (at.get('location') ?? '').replace(/^\.\//, '');
    if (!location || location.startsWith('/') || location.includes('\\') || location.split('/').includes('..')) {
      throw new PhiError(
        'bad-model',
        `${this.#file}: ${name} refers to "${location}" outside the model's folder. The app does not open such a file.`,
      );
    }
    const source = this.#files.get(folderOf(this.#file) + location);
    if (!source)
      throw new PhiError(
        'bad-model',
        `${folderOf(this.#file)}${location} is missing. ${this.#file} keeps its weights there. Add that file and try again.`,
      );
    const offset = Number(at.get('offset') ?? 0);
    const length = Number(at.get('length') ?? bytes);
    if (length !== bytes)
      throw new PhiError(
        'bad-model',
        `${this.#file}: ${name} has ${length} bytes in ${location}, but its shape [${dims.join(', ')}] of ${dtype} needs ${bytes}.`,
      );
    return storedTensor({ name, dtype, dims, source, offset });
  }
}

function toBigInt(value: number): bigint {
  return Number.isSafeInteger(value) ? BigInt(value) : BigInt.asIntN(64, BigInt(Math.trunc(value)));
}

/** Reads the structure of an .onnx file; `files` is where its external data is looked for, beside it. */
export async function readOnnxModel(source: ByteSource, files: ModelFiles): Promise<Graph> {
  return new ModelReader(source, files).model(source.size);
}
