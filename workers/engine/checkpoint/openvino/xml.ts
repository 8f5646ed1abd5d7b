/** OpenVINO IR's XML as a Graph, read as a stream. Weights stay in the .bin; operators get ONNX's names where they mean the same. */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource } from '../../../store/bytes.ts';
import { Graph, type Op, type ValueId } from '../network/graph.ts';
import { byteLength, storedTensor, type Dtype, type StoredTensor } from '../tensor.ts';

/** Phi-4 with 40 layers has 4.5 MB of XML. */
const XML_LIMIT = 24 << 20;
const CHUNK_BYTES = 256 << 10;
/** Phi-4 has 10,000. */
const LAYER_LIMIT = 40_000;
const EDGE_LIMIT = 120_000;
const PORT_LIMIT = 4096;

const DTYPES = new Map<string, Dtype>(
  Object.entries({
    f64: 'f64',
    f32: 'f32',
    f16: 'f16',
    bf16: 'bf16',
    u8: 'u8',
    i8: 'i8',
    u4: 'u4',
    i4: 'i4',
    u32: 'u32',
    i32: 'i32',
    i64: 'i64',
    boolean: 'bool',
  }),
);
const ONNX_NAMES = new Map(
  Object.entries({
    Multiply: 'Mul',
    Divide: 'Div',
    Power: 'Pow',
    Subtract: 'Sub',
    Convert: 'Cast',
    ShapeOf: 'Shape',
    Broadcast: 'Expand',
    LessEqual: 'LessOrEqual',
    GreaterEqual: 'GreaterOrEqual',
  }),
);

interface Layer {
  id: string;
  name: string;
  type: string;
  data: Record<string, string>;
  inputs: { id: string; dims: number[] }[];
  outputs: string[];
}

/** Collects layers and edges; everything else in the file (bodies of loops, run-time information) is passed over. */
class Collector {
  readonly layers = new Map<string, Layer>();
  /** Producing value by consuming port, `layer:port`. */
  readonly edges = new Map<string, ValueId>();
  readonly #file: string;
  readonly #path: string[] = [];
  #layer: Layer | null = null;
  #dims: number[] | null = null;
  #text: string | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  bad(why: string): PhiError {
    return new PhiError('bad-model', `${this.#file}: ${why}. The file is damaged or not an OpenVINO model.`);
  }

  open({ name, attributes }: SaxesTagPlain): void {
    if (this.#path.length > 64) throw this.bad('elements are nested too deep');
    if (!this.#path.length && name !== 'net') throw this.bad(`it begins with <${name}>`);
    this.#path.push(name);
    const depth = this.#path.length;
    const layer = this.#layer;
    if (depth === 3 && name === 'layer' && this.#path[1] === 'layers') this.#beginLayer(attributes);
    else if (depth === 3 && name === 'edge' && this.#path[1] === 'edges') this.#edge(attributes);
    else if (!layer) return;
    else if (depth === 4 && name === 'data') layer.data = attributes;
    else if (depth === 5 && name === 'port' && this.#path[3] === 'input') {
      this.#dims = [];
      layer.inputs.push({ id: attributes['id'] ?? '', dims: this.#dims });
    } else if (depth === 5 && name === 'port' && this.#path[3] === 'output') layer.outputs.push(attributes['id'] ?? '');
    else if (depth === 6 && name === 'dim') this.#text = '';
    if (layer && layer.inputs.length + layer.outputs.length > PORT_LIMIT)
      throw this.bad(`layer "${layer.name}" has too many ports`);
  }

  text(text: string): void {
    if (this.#text !== null && this.#text.length < 32) this.#text += text;
  }

  close(): void {
    const name = this.#path.pop();
    if (name === 'dim' && this.#text !== null) {
      if (this.#dims && this.#dims.length < 16) this.#dims.push(Number(this.#text));
      this.#text = null;
    }
    if (name === 'port') this.#dims = null;
    if (name === 'layer' && this.#path.length === 2) this.#layer = null;
  }

  #beginLayer({ id, name, type }: Record<string, string>): void {
    if (!id || !type || this.layers.has(id))
      throw this.bad(`a layer has no type, or the id of another layer ("${id}")`);
    if (this.layers.size === LAYER_LIMIT) throw this.bad(`it has more than ${LAYER_LIMIT} layers`);
    this.#layer = { id, name: name ?? '', type, data: {}, inputs: [], outputs: [] };
    this.layers.set(id, this.#layer);
  }

  #edge(attributes: Record<string, string>): void {
    if (this.edges.size === EDGE_LIMIT) throw this.bad(`it has more than ${EDGE_LIMIT} edges`);
    this.edges.set(
      `${attributes['to-layer']}:${attributes['to-port']}`,
      `${attributes['from-layer']}:${attributes['from-port']}`,
    );
  }
}

/** Throws `bad-model` for XML that is not well-formed, has a DOCTYPE, or describes no network. */
export async function readOpenVinoGraph(xml: ByteSource, bin: ByteSource): Promise<Graph> {
  if (xml.size > XML_LIMIT)
    throw new PhiError(
      'bad-model',
      `${xml.name} has ${xml.size} bytes. The limit for the XML of a model is ${XML_LIMIT}.`,
    );
  const collector = new Collector(xml.name);
  const parser = new SaxesParser({ xmlns: false, position: false });
  parser.on('opentag', (tag) => collector.open(tag));
  parser.on('text', (text) => collector.text(text));
  parser.on('closetag', () => collector.close());
  // A document type is where entities that grow without end are declared; IR has none.
  parser.on('doctype', () => {
    throw collector.bad('it has a DOCTYPE');
  });
  parser.on('error', (error) => {
    throw collector.bad(`it is not well-formed XML (${error.message})`);
  });
  const decoder = new TextDecoder();
  for (let at = 0; at < xml.size; at += CHUNK_BYTES) {
    parser.write(decoder.decode(await xml.read(at, Math.min(CHUNK_BYTES, xml.size - at)), { stream: true }));
  }
  parser.close();
  return toGraph(xml.name, collector, bin);
}

function toGraph(file: string, { layers, edges }: Collector, bin: ByteSource): Graph {
  const ops: Op[] = [];
  const constants = new Map<ValueId, StoredTensor>();
  const outputs: ValueId[] = [];
  const parameters = new Map<ValueId, string>();
  for (const layer of layers.values())
    if (layer.type === 'Parameter') for (const port of layer.outputs) parameters.set(`${layer.id}:${port}`, layer.name);
  for (const layer of layers.values()) {
    if (layer.type === 'Parameter') continue;
    const values = layer.outputs.map((port) => `${layer.id}:${port}`);
    const tensor = layer.type === 'Const' ? constant(file, layer, bin) : null;
    if (tensor) {
      constants.set(values[0] ?? '', tensor);
      continue;
    }
    const inputs = layer.inputs.map((port) => {
      const value = edges.get(`${layer.id}:${port.id}`) ?? '';
      return parameters.get(value) ?? value;
    });
    if (layer.type === 'Result') outputs.push(inputs[0] ?? '');
    else {
      const type = ONNX_NAMES.get(layer.type) ?? layer.type;
      ops.push({
        type,
        domain: '',
        name: layer.name,
        inputs,
        outputs: values,
        attributes: new Map(Object.entries(layer.data)),
        inputDims: layer.inputs.map(({ dims }) => dims),
      });
    }
  }
  if (!ops.length)
    throw new PhiError('bad-model', `${file} describes no network. It is damaged or not an OpenVINO model.`);
  return new Graph(file, ops, constants, outputs);
}

/** A Const layer; null when its type is one that is not read (the operator stays, to be named if it is needed). */
function constant(file: string, { name, data }: Layer, source: ByteSource): StoredTensor | null {
  const dtype = DTYPES.get(data['element_type'] ?? '');
  if (!dtype) return null;
  const shape = (data['shape'] ?? '').trim();
  const dims = shape ? shape.split(',', 17).map(Number) : [];
  if (dims.length > 16)
    throw new PhiError('bad-model', `${file}: ${name} has an impossible shape. The file is damaged.`);
  const bytes = byteLength(`${file}: ${name}`, dtype, dims);
  if (Number(data['size']) !== bytes)
    throw new PhiError(
      'bad-model',
      `${file}: ${name} has ${data['size']} bytes, but its shape [${dims.join(', ')}] of ${dtype} needs ${bytes}.`,
    );
  return storedTensor({ name, dtype, dims, source, offset: Number(data['offset'] ?? Number.NaN) });
}
