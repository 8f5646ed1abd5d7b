/**
 * Finds the Phi decoder in a graph: which weight has which role. Nothing depends on names. The products with constant matrices and the
 * norms are the landmarks; the roles follow from how values flow between them. A graph that does not flow like a Phi
 * decoder is refused.
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
import type { Matrix } from '../../weights/matrix.ts';

/** Reads the operators of one file format. */
export interface GraphReader {
  file: string;
  graph: Graph;
  /** The product with constant weights that `op` is, or null. Throws `unsupported-model` for weights stored in an unknown way. */
  linear(op: Op): Promise<Linear | null>;
  /** The table that `op` looks token ids up in, or null. */
  embedding(op: Op): Promise<Matrix | null>;
}

interface DecoderLayer {
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

/** Throws `unsupported-model` with the first operator that a Phi decoder does not have. */
export async function findDecoder(reader: GraphReader): Promise<DecoderParts> {
  const { file, graph } = reader;
  const norms = await findNorms(file, graph);
  if (norms.length < 3 || norms.length % 2 === 0) {
    throw new PhiError(
      'unsupported-model',
      `${file} has ${norms.length} RMS norms. A Phi decoder has two for each layer and one more.`,
    );
  }
  const products = new Products(file, graph, norms, await findLinears(reader, norms.length));
  const layers: DecoderLayer[] = [];
  for (let i = 0; i + 1 < norms.length; i += 2) {
    const [attentionNorm, mlpNorm] = [norms[i]!, norms[i + 1]!];
    const qkv = products.after(attentionNorm);
    const output = products.takeClosing(qkv, attentionNorm);
    const attention = await attentionBehind(file, graph, output, qkv);
    const gateUp = products.after(mlpNorm);
    const down = products.takeClosing(gateUp, mlpNorm);
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
  const head = products.takeHead(norm);
  if (!graph.outputs.some((output) => graph.origin(output, undefined, PASS_THROUGH) === head.output))
    throw unsupported(file, head.op, 'its result is changed before it leaves as logits');
  const [first] = norms as [Norm];
  const lookup = graph.producer(graph.origin(first.input, undefined, CASTS));
  const embedding = lookup && (await reader.embedding(lookup));
  if (!lookup || !embedding)
    throw unsupported(file, lookup ?? first.op, 'the first norm does not take token embeddings as they are looked up');
  return { embedding, layers, norm, head: head.matrix };
}

/** The products with constant weights, by their results. */
async function findLinears(reader: GraphReader, norms: number): Promise<Map<ValueId, Linear>> {
  const linears = new Map<ValueId, Linear>();
  for (const op of reader.graph.ops) {
    const linear = await reader.linear(op);
    if (linear) linears.set(linear.output, linear);
  }
  // q, k, v, output, gate, up, down.
  const most = 7 * ((norms - 1) / 2) + 1;
  if (linears.size > most)
    throw new PhiError(
      'unsupported-model',
      `${reader.file} has ${linears.size} products with weights. A Phi decoder with ${norms} norms has at most ${most}.`,
    );
  return linears;
}

/** The products by their place: those that take a norm's output, and the rest, which close attention and MLP. */
class Products {
  readonly #file: string;
  readonly #graph: Graph;
  readonly #afterNorm: ReadonlyMap<ValueId, Linear[]>;
  /** Those that belong to no block yet. */
  readonly #closing: Linear[] = [];
  /** The products that each closing one takes results of. */
  readonly #sources: ReadonlyMap<Linear, ReadonlySet<ValueId>>;

  constructor(file: string, graph: Graph, norms: readonly Norm[], linears: ReadonlyMap<ValueId, Linear>) {
    this.#file = file;
    this.#graph = graph;
    const normOutputs = new Set(norms.map((norm) => norm.output));
    this.#afterNorm = new Map<ValueId, Linear[]>(norms.map((norm) => [norm.output, []]));
    for (const linear of linears.values()) {
      refuseBias(file, graph, linear);
      const origin = graph.origin(linear.input, (value) => normOutputs.has(value), PASS_THROUGH);
      (this.#afterNorm.get(origin) ?? this.#closing).push(linear);
    }
    const isLinear = (value: ValueId) => linears.has(value);
    this.#sources = new Map(
      this.#closing.map((linear) => [linear, new Set([...graph.behind(linear.input, isLinear)].filter(isLinear))]),
    );
  }

  after(norm: Norm): Linear[] {
    return this.#afterNorm.get(norm.output)!;
  }

  /** The one product whose input comes from exactly this group. */
  takeClosing(group: Linear[], norm: Norm): Linear {
    const found = this.#closing.filter((linear) => {
      const sources = this.#sources.get(linear)!;
      return sources.size === group.length && group.every(({ output }) => sources.has(output));
    });
    if (found.length !== 1 || !group.length)
      throw unsupported(
        this.#file,
        norm.op,
        `expected one product that takes the results of the ${group.length} after it, but found ${found.length}`,
      );
    this.#closing.splice(this.#closing.indexOf(found[0]!), 1);
    refuseUnlessAdded(this.#file, this.#graph, found[0]!);
    return found[0]!;
  }

  /** The one product behind the last norm, when every other has its place. */
  takeHead(norm: Norm): Linear {
    const [head, ...others] = this.after(norm);
    if (head && !others.length && !this.#closing.length) return head;
    const odd = others[0] ?? this.#closing[0];
    throw unsupported(
      this.#file,
      odd ? odd.op : norm.op,
      odd ? 'a product that a Phi decoder does not have' : 'no head follows the last norm',
    );
  }
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
