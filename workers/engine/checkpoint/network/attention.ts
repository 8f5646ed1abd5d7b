/** The attention of a layer: which products are q, k and v, how many heads, what window. */
import type { Linear } from './linear.ts';
import { CUTS, KEEPS_ORDER, partOf } from './activation.ts';
import { readIntegers } from '../tensor.ts';
import { numberAttribute, unsupported, type Graph, type Op, type ValueId } from './graph.ts';

export interface Attention {
  /** The operator, or the Softmax of one written out. */
  op: Op;
  /** q, k, v, or the one product that holds all three. */
  order: Linear[];
  heads: number;
  kvHeads: number;
  headDim: number;
  /** The operator's own window; null when it has none (a mask may still have one). */
  window: number | null;
  /** The input for q. The rotation lies between this input and the product before it. */
  query: ValueId;
}

const FUSED = new Set(['GroupQueryAttention', 'MultiHeadAttention', 'ScaledDotProductAttention']);

/** The attention between the products `group` and `output`. */
export async function attentionBehind(file: string, graph: Graph, output: Linear, group: Linear[]): Promise<Attention> {
  const op = findAttention(graph, output);
  if (!op) throw unsupported(file, output.op, 'no attention operator comes before it');
  const [query = ''] = op.inputs;
  if (group.length !== 1 && group.length !== 3)
    throw unsupported(file, op, `expected q, k and v, but ${group.length} products feed it`);
  const order = await orderOf(file, graph, op, group);
  const rows = order.reduce((sum, { matrix }) => sum + matrix.rows, 0);
  if (op.type === 'ScaledDotProductAttention') {
    const dims = op.inputDims ?? [];
    const heads = dims[0]?.at(1) ?? -1;
    const headDim = dims[0]?.at(3) ?? -1;
    const kvHeads = (rows / headDim - heads) / 2;
    if (!(heads > 0) || !(headDim > 0) || !Number.isInteger(kvHeads))
      throw unsupported(file, op, 'its shapes do not show how many heads it has');
    return { op, order, heads, kvHeads, headDim, window: null, query };
  }
  const heads = numberAttribute(op, 'num_heads', 0);
  // The product behind it takes the heads one after another, whatever the operator was given.
  const headDim = output.matrix.cols / heads;
  const kvHeads =
    op.type === 'GroupQueryAttention' ? numberAttribute(op, 'kv_num_heads', 0) : (rows / headDim - heads) / 2;
  if (!(heads > 0) || !(kvHeads > 0) || !Number.isInteger(headDim) || rows !== (heads + 2 * kvHeads) * headDim)
    throw unsupported(
      file,
      op,
      `${heads} heads of ${headDim} do not fit ${rows} rows of q, k and v and ${output.matrix.cols} of the output`,
    );
  if (op.type !== 'GroupQueryAttention' && kvHeads !== heads)
    for (const input of op.inputs.slice(1, 3)) await assertRepeated(file, graph, op, input ?? '', group);
  refuseExtras(file, op, headDim);
  const window = op.type === 'GroupQueryAttention' ? numberAttribute(op, 'local_window_size', -1) : -1;
  return { op, order, heads, kvHeads, headDim, window: window > 0 ? window : null, query };
}

/**
 * Keys and values that are written out for every query head must be repeated head by head: an `Expand` along an axis put in behind the
 * heads. A `Tile` or `Concat` of the whole would pair other heads.
 */
async function assertRepeated(file: string, graph: Graph, op: Op, value: ValueId, group: Linear[]): Promise<void> {
  const products = new Set(group.map((linear) => linear.output));
  for (const at of graph.behind(value, (candidate) => products.has(candidate))) {
    const expand = graph.producer(at);
    if (expand?.type !== 'Expand') continue;
    const inserted = graph.producer(expand.inputs[0] ?? '');
    if (inserted?.type === 'Reshape') return;
    const axes = inserted?.type === 'Unsqueeze' ? graph.constants.get(graph.origin(inserted.inputs[1] ?? '')) : null;
    // [batch, heads, 1, ...] or [batch, tokens, heads, 1, ...]
    if (axes && [2, 3].includes((await readIntegers(axes))[0] ?? -1)) return;
  }
  throw unsupported(file, op, 'it is given fewer key heads than query heads, and no Expand repeats them');
}

function findAttention(graph: Graph, output: Linear): Op | null {
  for (const value of graph.behind(output.input, (at) => FUSED.has(graph.producer(at)?.type ?? ''))) {
    const op = graph.producer(value);
    if (op && FUSED.has(op.type)) return op;
  }
  return null;
}

/** Options of the operators that Phi does not use and that would change the result. */
function refuseExtras(file: string, op: Op, headDim: number): void {
  const scale = numberAttribute(op, 'scale', 0);
  if (scale && Math.abs(scale * Math.sqrt(headDim) - 1) > 1e-3)
    throw unsupported(file, op, `scores are scaled by ${scale}, not by 1/sqrt(${headDim})`);
  if (numberAttribute(op, 'softcap', 0)) throw unsupported(file, op, 'scores are capped');
  if (numberAttribute(op, 'rotary_interleaved', 0)) throw unsupported(file, op, 'rotary pairs are interleaved');
  if (numberAttribute(op, 'smooth_softmax', 0) > 0) throw unsupported(file, op, 'a smoothed softmax');
  const extras = op.type === 'GroupQueryAttention' ? op.inputs.slice(10).some(Boolean) : Boolean(op.inputs[3]);
  if (extras) throw unsupported(file, op, 'an attention bias or sink is given');
}

async function orderOf(file: string, graph: Graph, op: Op, group: Linear[]): Promise<Linear[]> {
  const outputs = new Map(group.map((linear) => [linear.output, linear]));
  const behind = (value: ValueId) =>
    [...graph.behind(value, (at) => outputs.has(at))].filter((at) => outputs.has(at)).map((at) => outputs.get(at)!);
  const parts = op.inputs.slice(0, 3).map((input) => (input ? behind(input) : []));
  if (group.length === 3) {
    const order = parts.map(([linear]) => linear);
    if (parts.some((part) => part.length !== 1) || new Set(order).size !== 3)
      throw unsupported(file, op, 'q, k and v do not come from one product each');
    return order as Linear[];
  }
  // Packed in one input: q, k, v by the operator's definition. Cut apart before it: the cuts must say the same.
  if (op.inputs[1] || op.inputs[2]) {
    const starts = await Promise.all(op.inputs.slice(0, 3).map((input) => cutStart(file, graph, op, input, group)));
    if (!(starts[0]! < starts[1]! && starts[1]! < starts[2]!))
      throw unsupported(file, op, 'q, k and v are not in this order in the fused product');
  }
  return group;
}

/** Where, in the fused product's features, the part behind `value` is cut (rows, or the index of a split). */
async function cutStart(file: string, graph: Graph, op: Op, value: ValueId, group: Linear[]): Promise<number> {
  const fused = group[0]!.output;
  const isRootCut = (at: ValueId): boolean => {
    const cut = graph.producer(at);
    if (!cut || !CUTS.has(cut.type)) return false;
    return graph.origin(cut.inputs[0] ?? '', undefined, KEEPS_ORDER) === fused;
  };
  for (const at of graph.behind(value, (candidate) => candidate === fused || isRootCut(candidate))) {
    if (isRootCut(at)) return (await partOf(file, graph, at, group)).start;
  }
  throw unsupported(file, op, 'its inputs are not cut out of the fused product');
}
