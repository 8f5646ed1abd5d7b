/** The rotary tables of an ONNX decoder: constants, or an `If` (CPU, WebGPU) or an offset of positions (DirectML) for LongRoPE. */
import { PhiError } from '../../../shared/errors.ts';
import type { Attention } from '../network/attention.ts';
import { CASTS_AND_SHAPES, Graph, numberAttribute, unsupported, type Op, type ValueId } from '../network/graph.ts';
import { ropeFrom, tableFrequencies, type Rope, type RopeHint, type RotaryTable } from '../rope.ts';
import { splitTable } from './laid-end-to-end.ts';
import { isFloat, readFloats, readIntegers, type StoredTensor } from '../tensor.ts';

/** The sources of cos, sin and (if given) positions of the attention. */
interface Source {
  op: Op;
  cos: ValueId;
  sin: ValueId;
  positions: ValueId;
}

/**
 * The rope that `attention` applies to its queries. Falls back on the hint's when the graph has no tables. `longFrom`: the row where a provider
 * option says that the long table begins, of tables laid end to end.
 */
export async function onnxRope(
  file: string,
  graph: Graph,
  attention: Attention,
  hint: RopeHint,
  longFrom: number | null = null,
): Promise<Rope> {
  const source = rotarySource(file, graph, attention);
  if (!source) {
    if (hint.rope) return hint.rope;
    throw unsupported(file, attention.op, 'it has no rotary tables, and no config.json describes the rotation');
  }
  const short = await splitIfLaidEndToEnd(await tablesOf(file, graph, source), hint, longFrom);
  const shortFrequencies = await tableFrequencies(short.short);
  const long = short.long && {
    frequencies: await tableFrequencies(short.long),
    originalContext: short.originalContext,
  };
  return ropeFrom(file, shortFrequencies, long, hint);
}

/** A single table may hold both sets. */
async function splitIfLaidEndToEnd(tables: Tables, hint: RopeHint, longFrom: number | null): Promise<Tables> {
  if (tables.long) return tables;
  const whole = tables.short;
  const likely = [hint.rope?.ropeScaling?.originalContext ?? null, whole.rows - hint.context];
  const { short, long } = await splitTable(whole, longFrom, likely);
  return { short, long, originalContext: short.rows };
}

function rotarySource(file: string, graph: Graph, { op, query }: Attention): Source | null {
  if (op.type === 'GroupQueryAttention' && numberAttribute(op, 'do_rotary', 0)) {
    return { op, cos: op.inputs[7] ?? '', sin: op.inputs[8] ?? '', positions: op.inputs[9] ?? '' };
  }
  for (const value of graph.behind(query, (at) => graph.producer(at)?.type === 'RotaryEmbedding')) {
    const rotary = graph.producer(value);
    if (rotary?.type !== 'RotaryEmbedding') continue;
    if (numberAttribute(rotary, 'interleaved', 0)) throw unsupported(file, rotary, 'rotary pairs are interleaved');
    // onnxruntime's operator: x, positions, cos, sin. The standard's (opset 23): x, cos, sin, positions.
    const [, a = '', b = '', c = ''] = rotary.inputs;
    return rotary.domain === 'com.microsoft'
      ? { op: rotary, positions: a, cos: b, sin: c }
      : { op: rotary, cos: a, sin: b, positions: c };
  }
  return null;
}

interface Tables {
  short: RotaryTable;
  long: RotaryTable | null;
  originalContext: number;
}

async function tablesOf(file: string, graph: Graph, source: Source): Promise<Tables> {
  const cos = graph.origin(source.cos, undefined, CASTS_AND_SHAPES);
  const sin = graph.origin(source.sin, undefined, CASTS_AND_SHAPES);
  const [cosTensor, sinTensor] = [graph.constants.get(cos), graph.constants.get(sin)];
  if (cosTensor && sinTensor) return offsetTables(file, graph, source, table(file, source.op, cosTensor, sinTensor));
  const branch = graph.producer(cos);
  if (branch?.type === 'If') return branchTables(file, graph, branch, cos, sin);
  throw unsupported(file, branch ?? source.op, 'it makes rotary tables in a way that is not supported');
}

/** Rows `[from, from + rows)` of stored tables. */
function table(file: string, op: Op, cos: StoredTensor, sin: StoredTensor, from = 0, count = Infinity): RotaryTable {
  const [stored = 0, half = 0] = cos.dims;
  if (
    cos.dims.length !== 2 ||
    cos.dims.join() !== sin.dims.join() ||
    !isFloat(cos.dtype) ||
    !isFloat(sin.dtype) ||
    half < 1 ||
    half > 4096
  ) {
    throw unsupported(
      file,
      op,
      `rotary tables of ${cos.dtype} [${cos.dims.join(', ')}] and ${sin.dtype} [${sin.dims.join(', ')}]`,
    );
  }
  const rows = Math.min(stored - from, count);
  if (rows < 2) throw new PhiError('bad-model', `${file}: the rotary table ${cos.name} has ${rows} rows.`);
  const read = async (position: number, some: number) => {
    const start = (from + position) * half;
    return { cos: await readFloats(cos, start, some * half), sin: await readFloats(sin, start, some * half) };
  };
  return {
    name: `${file}: ${cos.name}`,
    rows,
    half,
    // float32 tables are computed in float32: their angles at high positions are off by more than their entries.
    precision: cos.dtype === 'f32' ? 1e-5 : cos.dtype === 'f16' ? 5e-4 : 4e-3,
    row: (position) => read(position, 1),
    rowsFrom: read,
  };
}

/** One table; where positions are moved by an offset once they pass a limit, its rows from there on are the long set. */
async function offsetTables(file: string, graph: Graph, source: Source, whole: RotaryTable): Promise<Tables> {
  const single: Tables = { short: whole, long: null, originalContext: 0 };
  const moved = graph.producer(graph.origin(source.positions));
  if (moved?.type !== 'Add') return single;
  const compare = [...graph.behind(source.positions, (at) => COMPARES.has(graph.producer(at)?.type ?? ''))]
    .map((at) => graph.producer(at))
    .find((op) => op && COMPARES.has(op.type));
  const product = moved.inputs
    .map((input) => graph.producer(graph.origin(input)))
    .find((op) => op?.type === 'Mul' || op?.type === 'Where');
  if (!compare || !product) throw unsupported(file, moved, 'it changes positions in a way that is not supported');
  const offset = Math.max(
    ...(await Promise.all(product.inputs.map((input) => integer(graph, input)))).map((value) => value ?? 0),
  );
  const { limit, longWhenTrue } = await comparison(file, graph, compare);
  const [cos, sin] = [source.cos, source.sin].map((value) => graph.constants.get(graph.origin(value))!) as [
    StoredTensor,
    StoredTensor,
  ];
  if (!longWhenTrue || offset < 2) throw unsupported(file, compare, `rotary positions are moved by ${offset}`);
  return {
    short: table(file, source.op, cos, sin, 0, offset),
    long: table(file, source.op, cos, sin, offset),
    originalContext: limit,
  };
}

const COMPARES = new Set(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual']);

/** The two branches of an If on the length; each returns a constant table. */
async function branchTables(file: string, graph: Graph, branch: Op, cos: ValueId, sin: ValueId): Promise<Tables> {
  const compare = graph.producer(graph.origin(branch.inputs[0] ?? ''));
  if (!compare || !COMPARES.has(compare.type))
    throw unsupported(file, branch, 'its condition does not compare lengths');
  const { limit, longWhenTrue } = await comparison(file, graph, compare);
  const [whenTrue, whenFalse] = ['then_branch', 'else_branch'].map((name) => {
    const body = branch.attributes.get(name);
    if (!(body instanceof Graph)) throw unsupported(file, branch, `it has no ${name}`);
    const [cosTensor, sinTensor] = [cos, sin].map((value) => {
      const output = body.origin(body.outputs[branch.outputs.indexOf(value)] ?? '', undefined, CASTS_AND_SHAPES);
      return body.constants.get(output) ?? graph.constants.get(output);
    });
    if (!cosTensor || !sinTensor) throw unsupported(file, branch, `its ${name} does not return constant tables`);
    return table(file, branch, cosTensor, sinTensor);
  }) as [RotaryTable, RotaryTable];
  return longWhenTrue
    ? { short: whenFalse, long: whenTrue, originalContext: limit }
    : { short: whenTrue, long: whenFalse, originalContext: limit };
}

async function integer(graph: Graph, value: ValueId): Promise<number | null> {
  const tensor = graph.constants.get(graph.origin(value));
  if (!tensor || isFloat(tensor.dtype) || tensor.dims.some((dim) => dim !== 1)) return null;
  return (await readIntegers(tensor))[0] ?? null;
}

/** The length up to which the short set is used, and whether the comparison is true beyond it. */
async function comparison(file: string, graph: Graph, op: Op): Promise<{ limit: number; longWhenTrue: boolean }> {
  const [left, right] = await Promise.all([integer(graph, op.inputs[0] ?? ''), integer(graph, op.inputs[1] ?? '')]);
  const constant = right ?? left;
  if (constant === null || (right !== null && left !== null))
    throw unsupported(file, op, 'it does not compare with a constant');
  const greater = op.type.startsWith('Greater') === (right !== null);
  const orEqual = op.type.endsWith('OrEqual');
  // Highest value that still takes the short set: c for "> c" and "<= c", c - 1 for ">= c" and "< c".
  const inclusive = greater ? !orEqual : orEqual;
  const highest = inclusive ? constant : constant - 1;
  // A position is one less than the length it makes.
  const ofPosition = reachesInput(graph, op, 'position_ids');
  return { limit: ofPosition ? highest + 1 : highest, longWhenTrue: greater };
}

function reachesInput(graph: Graph, op: Op, input: ValueId): boolean {
  return op.inputs.some((value) => [...graph.behind(value, () => false)].includes(input));
}
