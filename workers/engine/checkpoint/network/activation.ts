/** Which of a layer's MLP weights is the gate and which is up, read from where the activation sits. */
import { concatRows } from '../../weights/matrix.ts';
import type { Linear } from './linear.ts';
import { CASTS, numberAttribute, unsupported, type Graph, type Op, type ValueId } from './graph.ts';
import { scalar } from './norms.ts';
import { readIntegers } from '../tensor.ts';
import type { Matrix } from '../../weights/matrix.ts';

/** Gate and up in that order, as one fused matrix or two. `down` takes silu(gate) * up. */
export async function activatedPair(file: string, graph: Graph, down: Linear, group: Linear[]): Promise<Matrix[]> {
  const product = graph.producer(graph.origin(down.input, undefined, CASTS));
  const [a, b] = product?.type === 'Mul' ? product.inputs : [];
  if (!product || a === undefined || b === undefined)
    throw unsupported(file, product ?? down.op, 'its input is not silu(gate) * up');
  const gateOfA = await siluInput(graph, a);
  const gateOfB = gateOfA === null ? await siluInput(graph, b) : null;
  const gate = gateOfA ?? gateOfB;
  if (gate === null) {
    const activation = [a, b]
      .map((value) => graph.producer(value))
      .find((op) => op && !CUTS.has(op.type) && !group.some((linear) => linear.op === op));
    throw unsupported(file, activation ?? product, 'the MLP uses another activation than SiLU');
  }
  const up = gateOfA === null ? a : b;
  const [gatePart, upPart] = [await partOf(file, graph, gate, group), await partOf(file, graph, up, group)];
  if (group.length === 2 && gatePart.linear !== upPart.linear) return [gatePart.linear.matrix, upPart.linear.matrix];
  if (group.length !== 1)
    throw unsupported(file, down.op, `expected gate and up, but ${group.length} products feed the MLP`);
  if (gatePart.start < upPart.start) return [gatePart.linear.matrix];
  const { matrix } = gatePart.linear;
  const half = matrix.rows / 2;
  return [concatRows([rowsOf(matrix, half, half), rowsOf(matrix, 0, half)])];
}

/** x where `value` is silu(x), else null. */
async function siluInput(graph: Graph, value: ValueId): Promise<ValueId | null> {
  const op = graph.producer(graph.origin(value, undefined, CASTS));
  if (!op) return null;
  const [x, y] = op.inputs;
  if (x === undefined) return null;
  if (op.type === 'Silu' || op.type === 'Swish') return y && (await scalar(graph, y)) !== 1 ? null : x;
  if (op.type === 'QuickGelu') return numberAttribute(op, 'alpha', 1.702) === 1 ? x : null;
  if (op.type !== 'Mul' || y === undefined) return null;
  for (const [plain, gated] of [
    [x, y],
    [y, x],
  ] as const) {
    const sigmoid = graph.producer(graph.origin(gated, undefined, CASTS));
    if (
      sigmoid?.type === 'Sigmoid' &&
      graph.origin(sigmoid.inputs[0] ?? '', undefined, CASTS) === graph.origin(plain, undefined, CASTS)
    )
      return plain;
  }
  return null;
}

/** Operators that cut a fused product apart. */
export const CUTS: ReadonlySet<string> = new Set(['Slice', 'Split', 'VariadicSplit']);
/** Operators between a product and its use that keep the order of features. */
export const KEEPS_ORDER: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Transpose',
  'Squeeze',
  'Unsqueeze',
  'Gather',
]);

/** The product that `value` is a part of, and where in its features the part starts (its index, for a split). */
export async function partOf(
  file: string,
  graph: Graph,
  value: ValueId,
  group: readonly Linear[],
): Promise<{ linear: Linear; start: number }> {
  const outputs = new Map(group.map((linear) => [linear.output, linear]));
  let start = 0;
  let last: Op | null = null;
  for (let at = value; ;) {
    const linear = outputs.get(at);
    if (linear) return { linear, start };
    const op = graph.producer(at);
    if (op && op !== last && op.inputs[0]) {
      last = op;
      if (op.type === 'Split' || op.type === 'VariadicSplit') start += op.outputs.indexOf(at);
      else if (op.type === 'Slice') start += await sliceStart(file, graph, op);
      else if (!KEEPS_ORDER.has(op.type)) throw unsupported(file, op, 'it stands between a product and its use');
      at = op.inputs[0];
    } else throw unsupported(file, op ?? group[0]!.op, 'it does not lead back to the products before it');
  }
}

async function sliceStart(file: string, graph: Graph, op: Op): Promise<number> {
  const tensor = graph.constants.get(graph.origin(op.inputs[1] ?? ''));
  const start = tensor ? (await readIntegers(tensor))[0] : undefined;
  if (start === undefined || start < 0) throw unsupported(file, op, 'it does not say where it cuts');
  return start;
}

/** Rows `[from, from + count)` of a matrix. */
function rowsOf(matrix: Matrix, from: number, count: number): Matrix {
  return {
    ...matrix,
    name: `${matrix.name} [${from}..]`,
    rows: count,
    read: (start, rows) => matrix.read(from + start, rows),
  };
}
