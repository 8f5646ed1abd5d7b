/** The rotation in an OpenVINO graph: cos(positions x inverse frequencies), with a Select between two sets for LongRoPE. */
import type { Attention } from '../network/attention.ts';
import { scalar } from '../network/norms.ts';
import { unsupported, type Graph, type Op, type ValueId } from '../network/graph.ts';
import { evaluate, withOffset } from './constants.ts';
import { ropeFrom, type Frequencies, type Rope, type RopeHint } from '../rope.ts';

/** The rope of the graph, or the hint's (config.json) where the graph computes it in a way that is not read; then `fromGraph` is false. */
export async function openVinoRope(
  file: string,
  graph: Graph,
  attention: Attention,
  hint: RopeHint,
): Promise<{ rope: Rope; fromGraph: boolean }> {
  const found = await cosInput(graph, attention.query);
  if (!found) {
    if (hint.rope) return { rope: hint.rope, fromGraph: false };
    throw unsupported(file, attention.op, 'it rotates its queries in a way that is not supported');
  }
  const { cos, frequencies } = found;
  let select: Op | null = null;
  const values = (pick: (op: Op) => number) =>
    evaluate(graph, frequencies, (op) => {
      select = op;
      return op.inputs[pick(op)] ?? null;
    });
  const whenTrue = await values(() => 1);
  const whenFalse = await values(() => 2);
  if (!whenTrue || !whenFalse) throw unsupported(file, cos, 'its inverse frequencies are not constant');
  const factor = await factorAfter(graph, cos);
  const frequenciesOf = (vector: Float64Array): Frequencies => ({ values: vector, tolerance: 1e-7, factor });
  if (!select) return { rope: ropeFrom(file, frequenciesOf(whenTrue), null, hint), fromGraph: true };
  const { limit, longWhenTrue } = await lengthLimit(file, graph, select);
  const [short, long] = longWhenTrue ? [whenFalse, whenTrue] : [whenTrue, whenFalse];
  return {
    rope: ropeFrom(file, frequenciesOf(short), { frequencies: frequenciesOf(long), originalContext: limit }, hint),
    fromGraph: true,
  };
}

/** The Cos that the queries are multiplied by, and the constant factor of its argument. */
async function cosInput(graph: Graph, query: ValueId): Promise<{ cos: Op; frequencies: ValueId } | null> {
  for (const value of graph.behind(query, (at) => graph.producer(at)?.type === 'Cos')) {
    const cos = graph.producer(value);
    if (cos?.type !== 'Cos') continue;
    for (const at of graph.behind(cos.inputs[0] ?? '', isProduct(graph))) {
      const product = graph.producer(at);
      if (!product || (product.type !== 'MatMul' && product.type !== 'Mul')) continue;
      for (const input of product.inputs) {
        const vector = await evaluate(graph, input, (select) => select.inputs[1] ?? null);
        if (vector && vector.length > 1) return { cos, frequencies: input };
      }
    }
  }
  return null;
}

function isProduct(graph: Graph): (value: ValueId) => boolean {
  return (value) => ['MatMul', 'Mul'].includes(graph.producer(value)?.type ?? '');
}

/** The attention factor: what cos is multiplied with before it meets the queries. */
async function factorAfter(graph: Graph, cos: Op): Promise<number> {
  for (const user of graph.usersThrough(cos.outputs[0]!)) {
    if (user.type !== 'Mul') continue;
    for (const input of user.inputs) {
      const value = await scalar(graph, input);
      if (value !== null) return value;
    }
  }
  return 1;
}

/** The length at which a Select changes from one set to the other. */
async function lengthLimit(file: string, graph: Graph, select: Op): Promise<{ limit: number; longWhenTrue: boolean }> {
  const compare = graph.producer(graph.origin(select.inputs[0] ?? ''));
  const [left = '', right = ''] = compare?.inputs ?? [];
  const constant = compare && (await evaluate(graph, right, () => null));
  const length = compare && (await withOffset(graph, left));
  if (
    !compare ||
    !length ||
    constant?.length !== 1 ||
    !['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].includes(compare.type)
  ) {
    throw unsupported(file, select, 'its condition does not compare a length with a constant');
  }
  const greater = compare.type.startsWith('Greater');
  const inclusive = greater !== compare.type.endsWith('OrEqual');
  // The highest value of `length.base` for which the short set is used.
  const highest = constant[0]! - length.offset - (inclusive ? 0 : 1);
  // The base is the highest position, one less than the length that it makes, or the length itself.
  const ofPosition = [...graph.behind(length.base, () => false)].includes('position_ids');
  return { limit: ofPosition ? highest + 1 : highest, longWhenTrue: greater };
}
