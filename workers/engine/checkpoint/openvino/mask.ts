/** The sliding window in an OpenVINO attention mask: a comparison of key positions with query positions moved back. */
import type { Op } from '../network/graph.ts';
import type { Graph, ValueId } from '../network/graph.ts';
import { withOffset } from './constants.ts';

const COMPARES = ['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'];
const MIRRORED: Record<string, string> = {
  Greater: 'Less',
  Less: 'Greater',
  GreaterOrEqual: 'LessOrEqual',
  LessOrEqual: 'GreaterOrEqual',
};

/**
 * The window of the mask (key j is seen from query i when i - j < window), null for a mask that is causal only, and undefined when the
 * mask is made in a way that is not read.
 */
export async function maskWindow(graph: Graph, mask: ValueId): Promise<number | null | undefined> {
  let understood = false;
  for (const value of graph.behind(mask, () => false)) {
    const op = graph.producer(value);
    if (!op || !COMPARES.includes(op.type)) continue;
    const shift = await keyAgainstQuery(graph, op);
    if (!shift) continue;
    understood = true;
    // j > i - W lets j in, j <= i - W keeps it out: a window of W. j >= i - W and j < i - W: of W + 1.
    if (shift.offset < -1)
      return shift.compare === 'Greater' || shift.compare === 'LessOrEqual' ? -shift.offset : -shift.offset + 1;
  }
  return understood ? null : undefined;
}

/** `key <compare> query + offset`, distinguished by their shapes: keys run along the last axis, queries along the one before. */
async function keyAgainstQuery(graph: Graph, op: Op): Promise<{ compare: string; offset: number } | null> {
  const [left, right] = await Promise.all(op.inputs.slice(0, 2).map((input) => withOffset(graph, input)));
  if (!left || !right) return null;
  const isKey = op.inputDims?.map((dims) => dims.length >= 2 && dims.at(-1) === -1 && dims.at(-2) === 1) ?? [];
  const isQuery = op.inputDims?.map((dims) => dims.length >= 2 && dims.at(-1) === 1 && dims.at(-2) === -1) ?? [];
  if (isKey[0] && isQuery[1]) return { compare: op.type, offset: right.offset - left.offset };
  if (isKey[1] && isQuery[0]) return { compare: MIRRORED[op.type]!, offset: left.offset - right.offset };
  return null;
}
