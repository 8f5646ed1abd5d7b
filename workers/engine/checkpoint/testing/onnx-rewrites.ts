/** Graphs as other exporters write them, made from a fixture: rotary tables end to end, expanded heads, products of integers. */
import { ropeTable } from '../../graph/rope.ts';
import { BNB4_TABLES } from '../../weights/bnb4.ts';
import { floatToHalf } from '../../weights/half.ts';
import type { PhiConfig } from '../types.ts';
import { intAttribute, intsAttribute, type EditModel, type EditNode, type EditTensor } from './onnx-edit.ts';
import type { Product } from './onnx-variants.ts';

const FLOAT = 1;
const UINT8 = 2;
const INT8 = 3;
const INT64 = 7;
const FLOAT16 = 10;
const MS = 'com.microsoft';

const node = (
  type: string,
  name: string,
  inputs: string[],
  outputs: string[],
  attributes: Uint8Array[] = [],
  domain = '',
): EditNode => ({ type, domain, name, inputs, outputs, attributes });
const integers = (name: string, values: number[]): EditTensor => ({
  name,
  type: INT64,
  dims: [values.length],
  data: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

/**
 * Both sets in one table behind each other in place of the If: `shortRows` of the short one. `change` may damage the rows.
 * The tables are those of `config`.
 */
export function layTablesEndToEnd(
  model: EditModel,
  config: PhiConfig,
  shortRows: number,
  change: (rows: Float32Array) => void = () => undefined,
): void {
  const attention = model.nodes.find(({ type }) => type === 'GroupQueryAttention')!;
  const half = config.rotaryDim / 2;
  const [short, long] = [ropeTable(config, 'short', 0, shortRows), ropeTable(config, 'long', 0, config.context)];
  model.nodes = model.nodes.filter(({ type }) => type !== 'If');
  for (const [part, name] of [
    ['cos', attention.inputs[7]!],
    ['sin', attention.inputs[8]!],
  ] as const) {
    const rows = new Float32Array([...short[part], ...long[part]]);
    change(rows);
    model.tensors = model.tensors.filter((tensor) => tensor.name !== name);
    model.tensors.push({
      name,
      type: FLOAT16,
      dims: [rows.length / half, half],
      data: new Uint8Array(floatToHalf(rows).buffer),
    });
  }
}

/** GroupQueryAttention as rotary embeddings, keys and values written out for every head, and MultiHeadAttention. `axis`: where heads are repeated. */
export function expandHeads(model: EditModel, axis = 2): void {
  const [q, kv] = [4, 2];
  const headDim = 64;
  model.tensors.push(
    integers('split', [q * headDim, kv * headDim, kv * headDim]),
    integers('heads', [0, 0, kv, headDim]),
    integers('axis', [axis]),
    integers('repeat', axis === 2 ? [1, kv, q / kv, 1, headDim] : [1, q / kv, kv, 1, headDim]),
    integers('joined', [0, q, -1, headDim]),
    integers('flat', [0, -1, q * headDim]),
  );
  for (const attention of model.nodes.filter(({ type }) => type === 'GroupQueryAttention')) {
    const at = attention.name;
    const [, , , , , , , cos = '', sin = ''] = attention.inputs;
    const nodes = [
      node(
        'Split',
        `${at}/Split`,
        [attention.inputs[0]!, 'split'],
        [`${at}/q`, `${at}/k`, `${at}/v`],
        [intAttribute('axis', -1)],
      ),
    ];
    for (const part of ['q', 'k'])
      nodes.push(
        node(
          'RotaryEmbedding',
          `${at}/${part}_rotary`,
          [`${at}/${part}`, 'position_ids', cos, sin],
          [`${at}/${part}_rotated`],
          [intAttribute('interleaved', 0)],
          MS,
        ),
      );
    for (const [part, value] of [
      ['k', `${at}/k_rotated`],
      ['v', `${at}/v`],
    ] as const)
      nodes.push(
        node('Reshape', `${at}/${part}1`, [value, 'heads'], [`${at}/${part}1`]),
        node(
          'Transpose',
          `${at}/${part}2`,
          [`${at}/${part}1`],
          [`${at}/${part}2`],
          [intsAttribute('perm', [0, 2, 1, 3])],
        ),
        node('Unsqueeze', `${at}/${part}3`, [`${at}/${part}2`, 'axis'], [`${at}/${part}3`]),
        node('Expand', `${at}/${part}4`, [`${at}/${part}3`, 'repeat'], [`${at}/${part}4`]),
        node('Reshape', `${at}/${part}5`, [`${at}/${part}4`, 'joined'], [`${at}/${part}5`]),
        node(
          'Transpose',
          `${at}/${part}6`,
          [`${at}/${part}5`],
          [`${at}/${part}6`],
          [intsAttribute('perm', [0, 2, 1, 3])],
        ),
        node('Reshape', `${at}/${part}7`, [`${at}/${part}6`, 'flat'], [`${at}/${part}7`]),
      );
    nodes.push(
      node(
        'MultiHeadAttention',
        at,
        [`${at}/q_rotated`, `${at}/k7`, `${at}/v7`],
        [attention.outputs[0]!],
        [intAttribute('num_heads', q)],
        MS,
      ),
    );
    model.nodes.splice(model.nodes.indexOf(attention), 1, ...nodes);
  }
}

export type IntegerForm = 'MatMulInteger' | 'MatMulIntegerToFloat' | 'DynamicQuantizeMatMul';

/** A product as ONNX Runtime's dynamic quantisation writes it, with one scale, or one for each output. */
export function integerProduct(
  { node: { name: at, inputs, outputs }, n, k, block, codes, scales }: Product,
  name: string,
  form: IntegerForm,
  { signed, perChannel }: { signed: boolean; perChannel: boolean },
): { nodes: EditNode[]; tensors: EditTensor[] } {
  const [x = ''] = inputs;
  const scale = new Float32Array(scales.data.slice().buffer);
  const weight = (row: number, column: number) =>
    scale[((row * k + column) / block) | 0]! * (codes[row * k + column]! - 8);
  const count = perChannel ? n : 1;
  const steps = new Float32Array(count).fill(1e-9);
  for (let row = 0; row < n; row++)
    for (let column = 0; column < k; column++) {
      const to = perChannel ? row : 0;
      steps[to] = Math.max(steps[to]!, Math.abs(weight(row, column)) / 127);
    }
  const zero = signed ? 0 : 128;
  const data = new Uint8Array(n * k);
  for (let row = 0; row < n; row++)
    for (let column = 0; column < k; column++)
      data[column * n + row] = Math.round(weight(row, column) / steps[perChannel ? row : 0]!) + zero;
  const type = signed ? INT8 : UINT8;
  const dims = perChannel ? [n] : [];
  const tensors: EditTensor[] = [
    { name: `${name}_q`, type, dims: [k, n], data },
    { name: `${name}_scale`, type: FLOAT, dims, data: new Uint8Array(steps.buffer) },
    { name: `${name}_zero`, type, dims, data: new Uint8Array(count).fill(zero) },
  ];
  const [w, s, z] = tensors.map((tensor) => tensor.name) as [string, string, string];
  if (form === 'DynamicQuantizeMatMul') return { nodes: [node(form, at, [x, w, s, z], outputs, [], MS)], tensors };
  const [xq, xs, xz] = [`${at}/x`, `${at}/x_scale`, `${at}/x_zero`];
  const quantise = node('DynamicQuantizeLinear', `${at}/quantise`, [x], [xq, xs, xz]);
  if (form === 'MatMulIntegerToFloat')
    return { nodes: [quantise, node(form, at, [xq, w, xs, s, xz, z], outputs, [], MS)], tensors };
  const nodes = [
    quantise,
    node('Mul', `${at}/scales`, [xs, s], [`${at}/scales`]),
    node(form, at, [xq, w, xz, z], [`${at}/integers`]),
    node('Cast', `${at}/cast`, [`${at}/integers`], [`${at}/floats`], [intAttribute('to', FLOAT)]),
    node('Mul', `${at}/scaled`, [`${at}/floats`, `${at}/scales`], outputs),
  ];
  return { nodes, tensors };
}

/** Products that are refused, made from products of integers: docs/models.md's words for them, and what the app says. */
export const REFUSED_PRODUCTS: { kind: string; from: string; to: string; message: RegExp }[] = [
  {
    kind: 'ONNX with static quantisation',
    from: 'MatMulInteger',
    to: 'QLinearMatMul',
    message: /statically quantised activations/,
  },
  {
    kind: 'ONNX with static quantisation',
    from: 'DynamicQuantizeLinear',
    to: 'QuantizeLinear',
    message: /not quantised by DynamicQuantizeLinear/,
  },
  { kind: 'Mixtures of experts', from: 'MatMulInteger', to: 'QMoE', message: /a mixture of experts/ },
];

/** The embedding as a table of bytes whose rows are dequantised after they were looked up. */
export function quantiseEmbedding(model: EditModel): void {
  const lookup = model.nodes.find(({ type, inputs }) => type === 'Gather' && inputs[1] === 'input_ids')!;
  const table = model.tensors.find(({ name }) => name === lookup.inputs[0])!;
  const values = new Float32Array(table.data.slice().buffer);
  const step = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
  const [name] = lookup.inputs as [string, string];
  model.tensors = model.tensors.filter((tensor) => tensor !== table);
  model.tensors.push(
    { name, type: UINT8, dims: table.dims, data: Uint8Array.from(values, (value) => Math.round(value / step) + 128) },
    { name: 'table_scale', type: FLOAT, dims: [], data: new Uint8Array(Float32Array.of(step).buffer) },
    { name: 'table_zero', type: UINT8, dims: [], data: Uint8Array.of(128) },
  );
  const [found = ''] = lookup.outputs;
  lookup.outputs = ['table_rows'];
  model.nodes.splice(
    model.nodes.indexOf(lookup) + 1,
    0,
    node('DequantizeLinear', 'table_dequantise', ['table_rows', 'table_scale', 'table_zero'], [found]),
  );
}

/** A product with weights as bitsandbytes rounds them: to the nearest value of the table, times the largest value of the block. */
export function bnb4Product(
  { node: { inputs, outputs }, n, k, block, codes, scales }: Product,
  name: string,
  quantType: 0 | 1,
): { nodes: EditNode[]; tensors: EditTensor[] } {
  const table = BNB4_TABLES[quantType]!.values;
  const scale = new Float32Array(scales.data.slice().buffer);
  const packed = new Uint8Array(codes.length / 2);
  const absmax = new Float32Array(codes.length / block);
  for (let b = 0; b < absmax.length; b++) {
    const values = Array.from({ length: block }, (_, i) => scale[b]! * (codes[b * block + i]! - 8));
    const largest = Math.max(...values.map(Math.abs)) || 1;
    absmax[b] = largest;
    for (const [i, value] of values.entries()) {
      let code = 0;
      for (let c = 1; c < table.length; c++)
        if (Math.abs(table[c]! - value / largest) < Math.abs(table[code]! - value / largest)) code = c;
      const at = b * block + i;
      packed[at >> 1]! |= at % 2 === 0 ? code << 4 : code;
    }
  }
  const attributes = [
    intAttribute('N', n),
    intAttribute('K', k),
    intAttribute('block_size', block),
    intAttribute('quant_type', quantType),
  ];
  const tensors: EditTensor[] = [
    { name: `${name}_bnb4`, type: UINT8, dims: [packed.length], data: packed },
    { name: `${name}_absmax`, type: FLOAT, dims: [absmax.length], data: new Uint8Array(absmax.buffer) },
  ];
  return {
    nodes: [node('MatMulBnb4', name, [inputs[0]!, `${name}_bnb4`, `${name}_absmax`], outputs, attributes, MS)],
    tensors,
  };
}
