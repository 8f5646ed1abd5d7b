/**
 * Products of integers, as ONNX Runtime's dynamic quantisation writes them (transformers.js publishes them as q8, int8 and uint8): activations
 * are quantised at run time, so the float values before and the float values behind are those of a plain product with dequantised weights.
 */
import { CASTS, unsupported, type Graph, type Op, type ValueId } from '../network/graph.ts';

export interface IntegerProduct {
  op: Op;
  /** Float activations before they are quantised. */
  input: ValueId;
  /** The float result. */
  output: ValueId;
  /** Weights `[in, out]`, scales and zero points, as DequantizeLinear takes them; '' for zero points that are left out. */
  inputs: ValueId[];
}

/**
 * The product that begins at `op`, or null where it is another operator: MatMulInteger with the operators around it, or one of the two fused ones.
 * Throws `unsupported-model` for integers that are used in another way.
 */
export function integerProduct(file: string, graph: Graph, op: Op): IntegerProduct | null {
  const [a = '', weights = ''] = op.inputs;
  const output = op.outputs[0] ?? '';
  if (op.type === 'DynamicQuantizeMatMul') {
    const [, , scales = '', zeros = '', bias] = op.inputs;
    if (bias) throw unsupported(file, op, 'a bias');
    return { op, input: a, output, inputs: [weights, scales, zeros] };
  }
  if (op.type !== 'MatMulInteger' && op.type !== 'MatMulIntegerToFloat') return null;
  const quantiser = graph.producer(graph.origin(a));
  if (quantiser?.type !== 'DynamicQuantizeLinear')
    throw unsupported(file, op, 'its activations are not quantised by DynamicQuantizeLinear');
  const input = quantiser.inputs[0] ?? '';
  if (op.type === 'MatMulIntegerToFloat') {
    const [, , , scales = '', , zeros = '', bias] = op.inputs;
    if (bias) throw unsupported(file, op, 'a bias');
    return { op, input, output, inputs: [weights, scales, zeros] };
  }
  const users = graph.usersThrough(output, CASTS);
  const [mul] = users;
  if (users.length !== 1 || mul?.type !== 'Mul') throw unsupported(file, op, 'its result is not multiplied by a scale');
  const scales = weightScales(file, graph, op, mul, quantiser.outputs[1] ?? '');
  return { op, input, output: mul.outputs[0] ?? '', inputs: [weights, scales, op.inputs[3] ?? ''] };
}

/** The weights' scales, out of the product of both scales that `mul` multiplies the integers by. */
function weightScales(file: string, graph: Graph, op: Op, mul: Op, ofInput: ValueId): ValueId {
  for (const factor of mul.inputs) {
    const both = graph.producer(graph.origin(factor));
    if (both?.type !== 'Mul' || !both.inputs.some((value) => graph.origin(value) === ofInput)) continue;
    const scales = both.inputs.find((value) => graph.constants.has(graph.origin(value)));
    if (scales) return scales;
  }
  throw unsupported(file, op, 'the scale of its weights is not a constant');
}
