/** Values of the small constant expressions that exporters leave in a graph: inverse frequencies, limits, offsets. */
import { CASTS_AND_SHAPES, type Graph, type Op, type ValueId } from '../network/graph.ts';
import { elementCount, isFloat, readIntegers, readVector } from '../tensor.ts';

const VECTOR_LIMIT = 4096;
const DEPTH_LIMIT = 24;
/** Operators that rearrange or repeat; the values of a vector stay as they are. */
const KEEPS_VALUES = new Set([...CASTS_AND_SHAPES, 'Transpose', 'Expand']);

const ARITHMETIC = new Map<string, (a: number, b: number) => number>(
  Object.entries({
    Mul: (a, b) => a * b,
    Div: (a, b) => a / b,
    Add: (a, b) => a + b,
    Sub: (a, b) => a - b,
    Pow: (a, b) => a ** b,
  }),
);

/** The elements behind `value`, or null when it depends on an input. `choose` picks a branch of a Select that does. */
export async function evaluate(
  graph: Graph,
  value: ValueId,
  choose: (select: Op) => ValueId | null,
  depth = 0,
): Promise<Float64Array | null> {
  if (depth > DEPTH_LIMIT) return null;
  const tensor = graph.constants.get(value);
  if (tensor) {
    if (elementCount(tensor.name, tensor.dims) > VECTOR_LIMIT) return null;
    const numeric = isFloat(tensor.dtype) || tensor.dtype === 'f64';
    return Float64Array.from(numeric ? await readVector(tensor) : await readIntegers(tensor));
  }
  const op = graph.producer(value);
  if (!op) return null;
  const [first = '', second = ''] = op.inputs;
  if (KEEPS_VALUES.has(op.type)) return evaluate(graph, first, choose, depth + 1);
  if (op.type === 'Select') {
    const branch = choose(op);
    return branch === null ? null : evaluate(graph, branch, choose, depth + 1);
  }
  const combine = ARITHMETIC.get(op.type);
  if (!combine) return null;
  const a = await evaluate(graph, first, choose, depth + 1);
  const b = a && (await evaluate(graph, second, choose, depth + 1));
  if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return null;
  return Float64Array.from({ length: Math.max(a.length, b.length) }, (_, i) =>
    combine(a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!),
  );
}

/** `value` as a computed value plus a constant: `position + 1`, `length - 2047`. Null if it is only a constant. */
export async function withOffset(graph: Graph, value: ValueId): Promise<{ base: ValueId; offset: number } | null> {
  let offset = 0;
  let at = value;
  for (let steps = 0; steps < DEPTH_LIMIT; steps++) {
    if (graph.constants.has(at)) return null;
    const op = graph.producer(at);
    if (!op || !['Add', 'Sub', ...KEEPS_VALUES].includes(op.type)) break;
    const [first = '', second = ''] = op.inputs;
    if (op.type === 'Add' || op.type === 'Sub') {
      const right = await evaluate(graph, second, () => null);
      const left = op.type === 'Add' && !right ? await evaluate(graph, first, () => null) : null;
      const constant = right ?? left;
      if (!constant) break;
      if (constant.length !== 1) break;
      offset += op.type === 'Sub' ? -constant[0]! : constant[0]!;
      at = right ? first : second;
    } else at = first;
  }
  return { base: at, offset };
}
