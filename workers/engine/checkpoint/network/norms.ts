/** RMS norms in a graph, as one operator or written out in plain ones. */
import { CASTS, numberAttribute, unsupported, type Graph, type Op, type ValueId } from './graph.ts';
import { elementCount, readVector, type StoredTensor } from '../tensor.ts';

export interface Norm {
  /** The operator that messages name. */
  op: Op;
  /** The value that is normalised; the sum where the operator adds a skip connection first. */
  input: ValueId;
  output: ValueId;
  weight: StoredTensor;
  eps: number;
}

/** All norms, in the graph's order. */
export async function findNorms(file: string, graph: Graph): Promise<Norm[]> {
  const norms: Norm[] = [];
  for (const op of graph.ops) {
    if (op.type === 'SimplifiedLayerNormalization' || op.type === 'RMSNormalization')
      norms.push(fusedNorm(file, graph, op, 1));
    else if (op.type === 'SkipSimplifiedLayerNormalization') norms.push(fusedNorm(file, graph, op, 2));
    else if (op.type === 'LayerNormalization' || op.type === 'SkipLayerNormalization')
      throw unsupported(file, op, 'Phi-3 and later use RMS norms');
    else if (op.type === 'ReduceMean') {
      const norm = await spelledNorm(graph, op);
      if (norm) norms.push(norm);
    }
  }
  return norms;
}

function fusedNorm(file: string, graph: Graph, op: Op, weightInput: number): Norm {
  const weight = graph.constants.get(graph.origin(op.inputs[weightInput] ?? ''));
  if (!weight) throw unsupported(file, op, 'its weight is not a constant');
  if (op.inputs[weightInput + 1]) throw unsupported(file, op, 'a norm with a bias');
  const input = weightInput === 2 ? (op.outputs[3] ?? '') : (op.inputs[0] ?? '');
  return { op, input, output: op.outputs[0] ?? '', weight, eps: numberAttribute(op, 'epsilon', 1e-5) };
}

/** The single number that a constant holds, or null. */
export async function scalar(graph: Graph, value: ValueId): Promise<number | null> {
  const tensor = graph.constants.get(graph.origin(value));
  if (!tensor || elementCount(tensor.name, tensor.dims) !== 1) return null;
  if (['f16', 'f32', 'f64', 'bf16'].includes(tensor.dtype)) return (await readVector(tensor))[0]!;
  return null;
}

/** mean(x^2) + eps, its root's reciprocal, times x, times the weight: in any of the ways that exporters write it. */
async function spelledNorm(graph: Graph, mean: Op): Promise<Norm | null> {
  const square = graph.producer(graph.origin(mean.inputs[0] ?? '', undefined, CASTS));
  if (!square || (square.type !== 'Pow' && square.type !== 'Mul')) return null;
  if (square.type === 'Mul' && square.inputs[0] !== square.inputs[1]) return null;
  if (square.type === 'Pow' && (await scalar(graph, square.inputs[1] ?? '')) !== 2) return null;
  const x = graph.origin(square.inputs[0]!, undefined, CASTS);
  const sum = onlyUser(graph, mean.outputs[0]!, ['Add']);
  const eps = sum && (await firstScalar(graph, sum));
  if (!sum || eps === null) return null;
  const root = onlyUser(graph, sum.outputs[0]!, ['Sqrt', 'Pow']);
  const inverse = root?.type === 'Sqrt' ? onlyUser(graph, root.outputs[0]!, ['Div', 'Reciprocal', 'Pow']) : root;
  if (!root || !inverse) return null;
  // Either 1 / root, then a product with x, or x / root at once.
  const dividesX = inverse.type === 'Div' && graph.origin(inverse.inputs[0]!, undefined, CASTS) === x;
  const scaled = dividesX ? inverse : onlyUser(graph, inverse.outputs[0]!, ['Mul']);
  if (!scaled || (!dividesX && !scaled.inputs.some((input) => graph.origin(input, undefined, CASTS) === x)))
    return null;
  const weighted = onlyUser(graph, scaled.outputs[0]!, ['Mul']);
  const weight = weighted?.inputs
    .map((input) => graph.constants.get(graph.origin(input)))
    .find((tensor) => tensor !== undefined);
  if (!weighted || !weight) return null;
  return { op: mean, input: x, output: weighted.outputs[0]!, weight, eps };
}

function onlyUser(graph: Graph, value: ValueId, types: string[]): Op | null {
  const users = graph.usersThrough(value);
  return users.length === 1 && types.includes(users[0]!.type) ? users[0]! : null;
}

async function firstScalar(graph: Graph, op: Op): Promise<number | null> {
  for (const input of op.inputs) {
    const value = await scalar(graph, input);
    if (value !== null) return value;
  }
  return null;
}
