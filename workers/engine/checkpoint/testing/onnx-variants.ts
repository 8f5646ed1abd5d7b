/**
 * Layouts of ONNX that no fixture has, made from one that is there without changing a weight: the reference logits stay valid.
 * A variant takes the model apart, rewrites its MatMulNBits nodes and puts it together again.
 */
import { join } from 'node:path';
import { halfToFloat } from '../../weights/half.ts';
import { referenceBytes } from '../../../testing/references.ts';
import { folderBytes } from './fixtures.ts';
import {
  intAttribute,
  intOf,
  intsAttribute,
  putTogether,
  takeApart,
  type EditModel,
  type EditNode,
  type EditTensor,
} from './onnx-edit.ts';

type Files = Map<string, Uint8Array>;
const FLOAT = 1;
const UINT8 = 2;
const INT32 = 6;
const FLOAT16 = 10;
const UINT4 = 21;
const INT4 = 22;

/** One MatMulNBits of 4 bits without zero points, unpacked. */
export interface Product {
  node: EditNode;
  n: number;
  k: number;
  block: number;
  /** `[n, k]`, 0 to 15; 8 is zero. */
  codes: Uint8Array;
  /** The codes as they are stored. */
  weights: EditTensor;
  /** `[n, k / block]` in the file's own type. */
  scales: EditTensor;
}

function unpack(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length * 2);
  data.forEach((byte, i) => {
    out[2 * i] = byte & 15;
    out[2 * i + 1] = byte >> 4;
  });
  return out;
}

function pack(codes: ArrayLike<number>): Uint8Array {
  return Uint8Array.from(
    { length: Math.ceil(codes.length / 2) },
    (_, i) => codes[2 * i]! | ((codes[2 * i + 1] ?? 0) << 4),
  );
}

/** `[rows, cols]` to `[cols, rows]`. */
function transpose<A extends Uint8Array | Uint16Array | Float32Array>(
  values: A,
  rows: number,
  cols: number,
  out: A,
): A {
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = values[r * cols + c]!;
  return out;
}

const tensorOf = (model: EditModel, name: string): EditTensor => model.tensors.find((tensor) => tensor.name === name)!;
const without = (model: EditModel, names: string[]): EditTensor[] =>
  model.tensors.filter(({ name }) => !names.includes(name));

function productOf(model: EditModel, node: EditNode): Product {
  const [n, k, block] = ['N', 'K', 'block_size'].map((name) => intOf(node, name)) as [number, number, number];
  const weights = tensorOf(model, node.inputs[1]!);
  return { node, n, k, block, codes: unpack(weights.data), weights, scales: tensorOf(model, node.inputs[2]!) };
}

/** The nodes and tensors that take a product's place. Those that share weights with the embedding stay. */
type Rewrite = (product: Product, name: string) => { nodes: EditNode[]; tensors: EditTensor[] };

export function rewriteProducts(model: EditModel, rewrite: Rewrite): void {
  for (const node of [...model.nodes]) {
    if (node.type !== 'MatMulNBits') continue;
    const weights = node.inputs.slice(1, 3);
    if (model.nodes.some((other) => other !== node && other.inputs.includes(weights[0]!))) continue;
    const { nodes, tensors } = rewrite(productOf(model, node), weights[0]!);
    model.tensors = [...without(model, weights), ...tensors];
    model.nodes.splice(model.nodes.indexOf(node), 1, ...nodes);
  }
}

/** Zero points that are not 8: codes of a block are moved as far as they go without leaving 0 to 15. */
function movedCodes({ n, k, block, codes }: Product): { moved: Uint8Array; zeros: Uint8Array } {
  const moved = codes.slice();
  const zeros = new Uint8Array((n * k) / block);
  for (let b = 0; b < zeros.length; b++) {
    const part = moved.subarray(b * block, (b + 1) * block);
    const shift = b % 2 ? 15 - Math.max(...part) : -Math.min(...part);
    part.forEach((code, i) => (part[i] = code + shift));
    zeros[b] = 8 + shift;
  }
  return { moved, zeros };
}

const attributes = ({ n, k, block }: Product, bits: number) => [
  intAttribute('N', n),
  intAttribute('K', k),
  intAttribute('bits', bits),
  intAttribute('block_size', block),
];

export const REWRITES: Record<string, Rewrite> = {
  /** Blocks named one by one in the order in which they lie. */
  'group indexes': (product, name) => {
    const groups = Int32Array.from({ length: product.k }, (_, column) => Math.floor(column / product.block));
    const { inputs } = product.node;
    return {
      nodes: [{ ...product.node, inputs: [...inputs.slice(0, 3), '', `${name}_g`] }],
      tensors: [
        product.weights,
        product.scales,
        { name: `${name}_g`, type: INT32, dims: [product.k], data: new Uint8Array(groups.buffer) },
      ],
    };
  },
  /** uint8 zero points, packed in nibbles, in blocks half as long. */
  'zero points, block 16': (whole, name) => {
    const product = { ...whole, block: 16 };
    const { moved, zeros } = movedCodes(product);
    const wide = whole.scales.data.length / ((whole.n * whole.k) / whole.block);
    const scales = new Uint8Array((zeros.length * wide) | 0);
    for (let b = 0; b < zeros.length; b++)
      scales.set(whole.scales.data.subarray((b >> 1) * wide, ((b >> 1) + 1) * wide), b * wide);
    return {
      nodes: [
        {
          ...whole.node,
          inputs: [whole.node.inputs[0]!, name, `${name}_s`, `${name}_z`],
          attributes: attributes(product, 4),
        },
      ],
      tensors: [
        { name, type: UINT8, dims: [whole.n, whole.k / 16, 8], data: pack(moved) },
        { name: `${name}_s`, type: whole.scales.type, dims: [whole.n, whole.k / 16], data: scales },
        { name: `${name}_z`, type: UINT8, dims: [whole.n, whole.k / 32], data: pack(zeros) },
      ],
    };
  },
  /** Zero points in the scales' float type. */
  'float zero points': (product, name) => {
    const { moved, zeros } = movedCodes(product);
    const floats =
      product.scales.type === FLOAT
        ? new Uint8Array(Float32Array.from(zeros).buffer)
        : new Uint8Array(Uint16Array.from(zeros, smallHalf).buffer);
    return {
      nodes: [
        {
          ...product.node,
          inputs: [product.node.inputs[0]!, name, product.scales.name, `${name}_z`],
          attributes: attributes(product, 4),
        },
      ],
      tensors: [
        { name, type: UINT8, dims: [product.n, product.k / product.block, product.block / 2], data: pack(moved) },
        product.scales,
        { name: `${name}_z`, type: product.scales.type, dims: [product.n, product.k / product.block], data: floats },
      ],
    };
  },
  /** The same weights in 8 bits. */
  '8 bits': (product, name) => ({
    nodes: [{ ...product.node, attributes: attributes(product, 8) }],
    tensors: [
      {
        name,
        type: UINT8,
        dims: [product.n, product.k / product.block, product.block],
        data: product.codes.map((code) => code + 120),
      },
      product.scales,
    ],
  }),
  /** DequantizeLinear of int4 blocks `[K, N]`, then MatMul. */
  'QDQ int4': (product, name) => {
    const { n, k, codes, scales } = product;
    const turned = transpose(codes, n, k, new Uint8Array(codes.length)).map((code) => code ^ 8);
    return {
      nodes: [dequantize(product, name, [name, `${name}_s`], 0), matMul(product, `${name}_f`)],
      tensors: [
        { name, type: INT4, dims: [k, n], data: pack(turned) },
        { ...turnedScales(product), name: `${name}_s`, type: scales.type },
      ],
    };
  },
  /** DequantizeLinear of uint4 blocks `[N, K]` with zero points, then Transpose and MatMul. */
  'QDQ uint4 transposed': (product, name) => {
    const { n, k, block, scales } = product;
    const { moved, zeros } = movedCodes(product);
    return {
      nodes: [
        dequantize(product, name, [name, scales.name, `${name}_z`], 1),
        {
          type: 'Transpose',
          domain: '',
          name: `${name}_transpose`,
          inputs: [`${name}_f`],
          outputs: [`${name}_t`],
          attributes: [intsAttribute('perm', [1, 0])],
        },
        matMul(product, `${name}_t`),
      ],
      tensors: [
        { name, type: UINT4, dims: [n, k], data: pack(moved) },
        scales,
        { name: `${name}_z`, type: UINT4, dims: [n, k / block], data: pack(zeros) },
      ],
    };
  },
  /** Plain MatMul with weights `[K, N]` in the scales' type. Exact in float32; rounded in float16, as in published float16 models. */
  'plain MatMul': (product, name) => {
    const { n, k, block, codes, scales } = product;
    const scale = scales.type === FLOAT ? new Float32Array(scales.data.slice().buffer) : halfToFloat(scales.data);
    const weights = Float32Array.from(codes, (code, i) => scale[Math.floor(i / block)]! * (code - 8));
    return {
      nodes: [matMul(product, name)],
      tensors: [
        {
          name,
          type: FLOAT,
          dims: [k, n],
          data: new Uint8Array(transpose(weights, n, k, new Float32Array(weights.length)).buffer),
        },
      ],
    };
  },
};

/** A whole number from 0 to 15 as float16. */
function smallHalf(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(value));
  return ((exponent + 15) << 10) | Math.round((value / 2 ** exponent - 1) * 1024);
}

function turnedScales({ n, k, block, scales }: Product): EditTensor {
  const blocks = k / block;
  const wide = scales.data.slice();
  const data =
    scales.type === FLOAT16
      ? new Uint8Array(transpose(new Uint16Array(wide.buffer), n, blocks, new Uint16Array(n * blocks)).buffer)
      : new Uint8Array(transpose(new Float32Array(wide.buffer), n, blocks, new Float32Array(n * blocks)).buffer);
  return { ...scales, dims: [blocks, n], data };
}

const dequantize = ({ block }: Product, name: string, inputs: string[], axis: number): EditNode => ({
  type: 'DequantizeLinear',
  domain: '',
  name: `${name}_dequantize`,
  inputs,
  outputs: [`${name}_f`],
  attributes: [intAttribute('axis', axis), intAttribute('block_size', block)],
});
const matMul = ({ node }: Product, weights: string): EditNode => ({
  type: 'MatMul',
  domain: '',
  name: node.name,
  inputs: [node.inputs[0]!, weights],
  outputs: node.outputs,
  attributes: [],
});

/** gate and up of each layer as one product, cut by a Split; `upFirst`: in the other order. */
export function fuseGateUp(model: EditModel, upFirst: boolean): void {
  for (const gate of model.nodes.filter(({ name, type }) => type === 'MatMulNBits' && name.includes('gate_proj'))) {
    const up = model.nodes.find(({ name }) => name === gate.name.replace('gate_proj', 'up_proj'))!;
    const pair = upFirst ? [up, gate] : [gate, up];
    const name = gate.name.replace('gate_proj', 'gate_up_proj');
    const fused = [1, 2].map((i) => {
      const parts = pair.map((node) => tensorOf(model, node.inputs[i]!));
      const data = new Uint8Array(Buffer.concat(parts.map((part) => part.data)));
      return { ...parts[0]!, name: `${name}_${i}`, dims: [parts[0]!.dims[0]! * 2, ...parts[0]!.dims.slice(1)], data };
    });
    const product = productOf(model, gate);
    const nodes: EditNode[] = [
      {
        ...gate,
        name,
        inputs: [gate.inputs[0]!, ...fused.map((tensor) => tensor.name)],
        outputs: [`${name}_out`],
        attributes: attributes({ ...product, n: 2 * product.n }, 4),
      },
      {
        type: 'Split',
        domain: '',
        name: `${name}_split`,
        inputs: [`${name}_out`],
        outputs: pair.flatMap((node) => node.outputs),
        attributes: [intAttribute('axis', -1), intAttribute('num_outputs', 2)],
      },
    ];
    model.tensors = [...without(model, [...gate.inputs, ...up.inputs]), ...fused];
    model.nodes.splice(model.nodes.indexOf(gate), 1, ...nodes);
    model.nodes.splice(model.nodes.indexOf(up), 1);
  }
}

/** The fixture `folder` with its model changed by `edit`; weights in `parts`, or in the model itself. */
export function editedFolder(
  folder: string,
  edit: (model: EditModel) => void,
  parts: readonly string[] = ['model.onnx.data'],
): Files {
  const files = folderBytes(folder);
  const model = takeApart(files.get('model.onnx')!, files);
  edit(model);
  const written = putTogether(model, parts);
  files.delete('model.onnx.data');
  for (const [name, bytes] of [['model.onnx', written.model] as const, ...written.data]) files.set(name, bytes);
  return files;
}

export function rewrittenFolder(folder: string, rewrite: keyof typeof REWRITES): Files {
  return editedFolder(folder, (model) => rewriteProducts(model, REWRITES[rewrite]!));
}

/** The layout of transformers.js: onnx/model_q4f16.onnx with its data in two parts, config.json instead of genai_config.json. */
export function transformersJsFolder(folder: string, variant = 'model_q4f16'): Files {
  const edited = editedFolder(folder, () => undefined, [`${variant}.onnx_data`, `${variant}.onnx_data_1`]);
  const out: Files = new Map([['config.json', new Uint8Array(referenceBytes(join('phi', folder, '../config.json')))]]);
  for (const [name, bytes] of edited) {
    if (name === 'model.onnx') out.set(`onnx/${variant}.onnx`, bytes);
    else if (name.includes('.onnx_data')) out.set(`onnx/${name}`, bytes);
    else if (name !== 'genai_config.json' && name !== 'expected.json') out.set(name, bytes);
  }
  return out;
}
