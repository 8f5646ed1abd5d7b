/**
 * Finds the Phi decoder in a graph: which weight has which role. Nothing depends on names. The products with constant matrices and the
 * norms are the landmarks; the roles follow from how values flow between them, and what does not flow like a Phi decoder is refused.
 */
import { PhiError } from '../../../shared/errors.ts';
import { attentionBehind, type Attention } from './attention.ts';
import type { Linear } from './linear.ts';
import { findNorms, type Norm } from './norms.ts';
import {
  CASTS,
  CASTS_AND_SHAPES,
  label,
  PASS_THROUGH,
  unsupported,
  type Graph,
  type Op,
  type ValueId,
} from './graph.ts';
import { activatedPair } from './activation.ts';
import type { Matrix } from '../types.ts';

/** What a file format knows about its own operators. */
export interface GraphReader {
  file: string;
  graph: Graph;
  /** The product with constant weights that `op` is, or null. Throws `unsupported-model` for weights stored in an unknown way. */
  linear(op: Op): Promise<Linear | null>;
  /** The table that `op` looks token ids up in, or null. */
  embedding(op: Op): Promise<Matrix | null>;
}

export interface DecoderLayer {
  attentionNorm: Norm;
  /** Stacked by rows: q, k, v. */
  qkv: Matrix[];
  attention: Attention;
  output: Matrix;
  mlpNorm: Norm;
  /** Stacked by rows: gate, up. */
  gateUp: Matrix[];
  down: Matrix;
}

export interface DecoderParts {
  embedding: Matrix;
  layers: DecoderLayer[];
  norm: Norm;
  head: Matrix;
}

export async function findDecoder(reader: GraphReader): Promise<DecoderParts> {
  const { file, graph } = reader;
  const norms = await findNorms(file, graph);
  if (norms.length < 3 || norms.length % 2 === 0) {
    throw new PhiError(
      'unsupported-model',
      `${file} has ${norms.length} RMS norms. A Phi decoder has two for each layer and one more.`,
    );
  }
  const linears = new Map<ValueId, Linear>();
  for (const op of graph.ops) {
    const linear = await reader.linear(op);
    if (linear) linears.set(linear.output, linear);
  }
  // q, k, v, output, gate, up, down.
  const most = 7 * ((norms.length - 1) / 2) + 1;
  if (linears.size > most)
    throw new PhiError(
      'unsupported-model',
      `${file} has ${linears.size} products with weights. A Phi decoder with ${norms.length} norms has at most ${most}.`,
    );
  const isLinear = (value: ValueId) => linears.has(value);
  const normOutputs = new Set(norms.map((norm) => norm.output));
  /** Products that take a norm's output, by that norm; the rest are attention's and the MLP's second products. */
  const afterNorm = new Map<ValueId, Linear[]>(norms.map((norm) => [norm.output, []]));
  const closing: Linear[] = [];
  for (const linear of linears.values()) {
    refuseBias(file, graph, linear);
    const group = afterNorm.get(graph.origin(linear.input, (value) => normOutputs.has(value), PASS_THROUGH));
    if (group) group.push(linear);
    else closing.push(linear);
  }
  const sourcesOf = new Map(
    closing.map((linear) => [linear, new Set([...graph.behind(linear.input, isLinear)].filter(isLinear))]),
  );
  /** The one product whose input comes from exactly this group. */
  const closingOf = (group: Linear[], norm: Norm): Linear => {
    const found = closing.filter((linear) => {
      const sources = sourcesOf.get(linear)!;
      return sources.size === group.length && group.every(({ output }) => sources.has(output));
    });
    if (found.length !== 1 || !group.length)
      throw unsupported(
        file,
        norm.op,
        `expected one product that takes the results of the ${group.length} after it, but found ${found.length}`,
      );
    closing.splice(closing.indexOf(found[0]!), 1);
    refuseUnlessAdded(file, graph, found[0]!);
    return found[0]!;
  };

  const layers: DecoderLayer[] = [];
  for (let i = 0; i + 1 < norms.length; i += 2) {
    const [attentionNorm, mlpNorm] = [norms[i]!, norms[i + 1]!];
    const qkv = afterNorm.get(attentionNorm.output)!;
    const output = closingOf(qkv, attentionNorm);
    const attention = await attentionBehind(file, graph, output, qkv);
    const gateUp = afterNorm.get(mlpNorm.output)!;
    const down = closingOf(gateUp, mlpNorm);
    layers.push({
      attentionNorm,
      qkv: attention.order.map(({ matrix }) => matrix),
      attention,
      output: output.matrix,
      mlpNorm,
      gateUp: await activatedPair(file, graph, down, gateUp),
      down: down.matrix,
    });
  }
  const [norm] = norms.slice(-1) as [Norm];
  const [head, ...others] = afterNorm.get(norm.output)!;
  if (!head || others.length || closing.length) {
    const odd = others[0] ?? closing[0];
    throw unsupported(
      file,
      odd ? odd.op : norm.op,
      odd ? 'a product that a Phi decoder does not have' : 'no head follows the last norm',
    );
  }
  if (!graph.outputs.some((output) => graph.origin(output, undefined, PASS_THROUGH) === head.output))
    throw unsupported(file, head.op, 'its result is changed before it leaves as logits');
  const [first] = norms as [Norm];
  const lookup = graph.producer(graph.origin(first.input, undefined, CASTS));
  const embedding = lookup && (await reader.embedding(lookup));
  if (!lookup || !embedding)
    throw unsupported(file, lookup ?? first.op, 'the first norm does not take token embeddings as they are looked up');
  return { embedding, layers, norm, head: head.matrix };
}

function refuseBias(file: string, graph: Graph, linear: Linear): void {
  for (const user of graph.usersThrough(linear.output, CASTS_AND_SHAPES)) {
    if (user.type === 'Add' && user.inputs.some((input) => graph.constants.has(graph.origin(input))))
      throw unsupported(file, linear.op, `a bias is added (${label(user)})`);
  }
}

/** The second product of a block must go into the residual sum and nowhere else. */
function refuseUnlessAdded(file: string, graph: Graph, linear: Linear): void {
  for (const user of graph.usersThrough(linear.output, CASTS_AND_SHAPES)) {
    if (user.type !== 'Add' && user.type !== 'SkipSimplifiedLayerNormalization')
      throw unsupported(file, user, `it changes the result of ${label(linear.op)} before it is added to the residual`);
  }
}
