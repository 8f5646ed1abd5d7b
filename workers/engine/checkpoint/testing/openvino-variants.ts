/**
 * OpenVINO models with their weights stored in other ways, made from a fixture without changing a weight: each product gets new constants
 * at the end of the .bin, and its edge leads there.
 */
import { dequantise, type BlockRows } from '../../weights/rows.ts';
import { OpenVinoWeights } from '../openvino/weights.ts';
import { readOpenVinoGraph } from '../openvino/xml.ts';
import type { Matrix } from '../../weights/matrix.ts';
import { folderBytes, memorySource } from './fixtures.ts';

const XML = 'openvino_model.xml';
const BIN = 'openvino_model.bin';

const OP_DATA = {
  Convert: 'destination_type="f32"',
  Subtract: 'auto_broadcast="numpy"',
  Multiply: 'auto_broadcast="numpy"',
  Reshape: 'special_zero="false"',
} as const;

/** Layers under construction: XML, edges and bytes. */
class Writer {
  xml = '';
  edges = '';
  readonly bytes: Uint8Array[] = [];
  #next = 100_000;
  #offset: number;

  constructor(offset: number) {
    this.#offset = offset;
  }

  /** A Const; returns its layer. */
  constant(type: string, dims: number[], data: Uint8Array): number {
    const id = this.#next++;
    const port = `<port id="0" precision="${type === 'f32' ? 'FP32' : type.toUpperCase()}">${dims.map((dim) => `<dim>${dim}</dim>`).join('')}</port>`;
    this.xml += `<layer id="${id}" name="c${id}" type="Const" version="opset1"><data element_type="${type}" shape="${dims.join(', ')}" offset="${this.#offset}" size="${data.length}"/><output>${port}</output></layer>`;
    this.bytes.push(data);
    this.#offset += data.length;
    return id;
  }

  /** An operator whose output port follows its inputs; returns its layer. */
  op(type: keyof typeof OP_DATA, inputs: number[]): number {
    const id = this.#next++;
    const ports = inputs.map((_, i) => `<port id="${i}" precision="FP32"/>`).join('');
    this.xml += `<layer id="${id}" name="o${id}" type="${type}" version="opset1"><data ${OP_DATA[type]}/><input>${ports}</input><output><port id="${inputs.length}" precision="FP32"/></output></layer>`;
    inputs.forEach(
      (from, i) =>
        (this.edges += `<edge from-layer="${from}" from-port="${this.portOf(from)}" to-layer="${id}" to-port="${i}"/>`),
    );
    this.#ports.set(id, inputs.length);
    return id;
  }

  readonly #ports = new Map<number, number>();
  portOf(layer: number): number {
    return this.#ports.get(layer) ?? 0;
  }
}

/** Writes the matrix and returns the layer that gives it, and whether its rows are the inputs. */
type Store = (writer: Writer, matrix: Matrix) => Promise<{ layer: number; transposed: boolean }>;

const floatBytes = (values: Float32Array) =>
  new Uint8Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength));
const packed = (codes: Uint8Array) =>
  Uint8Array.from({ length: codes.length >> 1 }, (_, i) => codes[2 * i]! | (codes[2 * i + 1]! << 4));
const shapeOf = (writer: Writer, dims: number[]) =>
  writer.constant('i64', [dims.length], new Uint8Array(BigInt64Array.from(dims, BigInt).buffer));

/** `[rows, k]` to `[k, rows]`. */
function turned<A extends Uint8Array | Float32Array>(values: A, rows: number, k: number, out: A): A {
  for (let r = 0; r < rows; r++) for (let c = 0; c < k; c++) out[c * rows + r] = values[r * k + c]!;
  return out;
}

async function symmetricBlocks(matrix: Matrix): Promise<BlockRows> {
  const rows = await matrix.read(0, matrix.rows);
  if (rows.kind !== 'blocks' || rows.mins || rows.bits !== 4)
    throw new Error(`${matrix.name} is not int4 without zero points`);
  return rows;
}

const isPlainInt4 = ({ form }: Matrix) => form.kind === 'blocks' && form.bits === 4 && form.symmetric;

const STORES: Record<string, Store> = {
  /** float32, and the product without a transpose. */
  'float32, inputs first': async (writer, matrix) => {
    const values = dequantise(await matrix.read(0, matrix.rows));
    const data = floatBytes(turned(values, matrix.rows, matrix.cols, new Float32Array(values.length)));
    return { layer: writer.constant('f32', [matrix.cols, matrix.rows], data), transposed: true };
  },
  /** As older NNCF wrote symmetric weights: u4 with one zero point, 8, for all. */
  'u4 with one zero point': async (writer, matrix) => {
    const { codes, scales, block } = await symmetricBlocks(matrix);
    const dims = [matrix.rows, matrix.cols / block, block];
    const weights = writer.op('Convert', [writer.constant('u4', dims, packed(codes))]);
    const zero = writer.op('Convert', [writer.constant('u4', [1, 1, 1], Uint8Array.of(8))]);
    const scale = writer.op('Convert', [
      writer.constant('f32', [matrix.rows, matrix.cols / block, 1], floatBytes(scales)),
    ]);
    const product = writer.op('Multiply', [writer.op('Subtract', [weights, zero]), scale]);
    return { layer: writer.op('Reshape', [product, shapeOf(writer, [matrix.rows, matrix.cols])]), transposed: false };
  },
  /** i4 in groups along the first axis, `[groups, group, outputs]`. */
  'i4 groups, inputs first': async (writer, matrix) => {
    const { codes, scales, block } = await symmetricBlocks(matrix);
    const groups = matrix.cols / block;
    const flipped = turned(codes, matrix.rows, matrix.cols, new Uint8Array(codes.length)).map((code) => code ^ 8);
    const weights = writer.op('Convert', [writer.constant('i4', [groups, block, matrix.rows], packed(flipped))]);
    const scale = writer.constant(
      'f32',
      [groups, 1, matrix.rows],
      floatBytes(turned(scales, matrix.rows, groups, new Float32Array(scales.length))),
    );
    const product = writer.op('Multiply', [weights, scale]);
    return { layer: writer.op('Reshape', [product, shapeOf(writer, [matrix.cols, matrix.rows])]), transposed: true };
  },
};
export const OPENVINO_STORES = Object.keys(STORES);

/** The fixture `folder` with the weights of every product that the store can hold moved into it; float32 takes the embedding as well. */
export async function restoredFolder(folder: string, store: string): Promise<Map<string, Uint8Array>> {
  const files = folderBytes(folder);
  const bin = files.get(BIN)!;
  let xml = new TextDecoder().decode(files.get(XML));
  const graph = await readOpenVinoGraph(memorySource(XML, files.get(XML)!), memorySource(BIN, bin));
  const weights = new OpenVinoWeights(XML, graph);
  const writer = new Writer(bin.length);
  const redirect = (layer: string, port: number, to: number) => {
    xml = xml.replace(
      new RegExp(`<edge from-layer="\\d+" from-port="\\d+" to-layer="${layer}" to-port="${port}"`),
      `<edge from-layer="${to}" from-port="${writer.portOf(to)}" to-layer="${layer}" to-port="${port}"`,
    );
  };
  for (const op of graph.ops) {
    const [layer = ''] = op.outputs[0]?.split(':') ?? [];
    const linear = await weights.linear(op);
    if (linear && (store.startsWith('float32') || isPlainInt4(linear.matrix))) {
      const { layer: to, transposed } = await STORES[store]!(writer, linear.matrix);
      redirect(layer, 1, to);
      if (transposed)
        xml = xml.replace(new RegExp(`(<layer id="${layer}" [^>]*>\\s*<data [^>]*transpose_b=)"true"`), '$1"false"');
    }
    const table = store.startsWith('float32') ? await weights.embedding(op) : null;
    if (table)
      redirect(
        layer,
        0,
        writer.constant('f32', [table.rows, table.cols], floatBytes(dequantise(await table.read(0, table.rows)))),
      );
  }
  xml = xml.replace('</layers>', `${writer.xml}</layers>`).replace('</edges>', `${writer.edges}</edges>`);
  files.set(XML, new TextEncoder().encode(xml));
  files.set(BIN, new Uint8Array(Buffer.concat([bin, ...writer.bytes])));
  return files;
}
