/**
 * A mixture of experts in the WASM dialect: tokens are grouped by expert, and each expert multiplies its own. An expert without tokens multiplies nothing: its product has no
 * rows, and ONNX Runtime returns before it touches the weights. So a step of the loop reads two experts of each layer, a chunk reads each expert once, and both are the
 * same nodes. No weight is copied, and no `If` is needed (32 empty products a layer cost less than one `If` with two branches).
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from '../graph/onnx.ts';
import type { LinearName } from '../graph/decoder-network.ts';
import { sparseMixer } from '../graph/sparse-mixer.ts';

/** How the weight form spells products. A row is `[1, width]` in float32, and `[1, width]` as codes `[2, width]` in int8. */
export interface RowProducts {
  /** Rows `[rows, 1, width]` -> what `multiply` takes, with `rows` in front. */
  encode(rows: Value, width: number): Value;
  /** Encoded rows times a matrix; with its bias, where the form has one. */
  multiply(encoded: Value, weight: LinearName, width: number, rows: number): Value;
  /** Result of `multiply` -> `[rows, 1, rows of the matrix]` */
  decode(product: Value): Value;
  /** Rows `[rows, 1, width]` of any size: as `encode` takes them, and the factor that they were multiplied by `[rows, 1, 1]`; null: as they are. */
  normalise(rows: Value, width: number): { rows: Value; factor: Value | null };
}

/** Tokens in the order of their experts. `n` is twice the number of tokens. */
interface Grouping {
  /** int64 `[n]`: place in `[tokens, 2]` of each grouped row. */
  order: Value;
  /** int64 `[n]` */
  token: Value;
  /** int64 `[experts]`: rows of each expert. */
  counts: Value;
  /** float32 `[n, 1, 1]` */
  shares: Value;
}

/** Normed hidden states, as the router and the experts read them, `[tokens, 1, hidden]` (a step: `[1, hidden]`) -> the mixture, in the same shape. */
export function mixture(
  g: Graph,
  layer: number,
  normed: Value,
  {
    config,
    products,
    activate,
    single,
  }: {
    config: PhiConfig;
    products: RowProducts;
    activate: (gateUp: Value) => Value;
    single: boolean;
  },
): Value {
  const { hidden, intermediate, experts } = config;
  const at = `layers.${layer}.experts` as const;
  const rows = single ? normed : g.op('Squeeze', [normed, g.int64([1])]); // [tokens, hidden]
  const grouping = group(g, config, `layers.${layer}.router`, rows);
  const grouped = (encoded: Value, part: 'gateUp' | 'down', width: number, outputs: number): Value => {
    const parts = g.ops('Split', [encoded, grouping.counts], experts!.count, { axis: { int: 0 } });
    const made = parts.map((one, e) => products.multiply(one, `${at}.${e}.${part}`, width, outputs));
    return products.decode(g.op('Concat', made, { axis: { int: 0 } }));
  };
  const three = single ? g.op('Unsqueeze', [normed, g.int64([1])]) : normed; // [tokens, 1, hidden]
  const read = g.op('Gather', [products.encode(three, hidden), grouping.token], { axis: { int: 0 } });
  const activated = activate(grouped(read, 'gateUp', hidden, 2 * intermediate)); // [n, 1, intermediate]
  const { rows: inner, factor } = products.normalise(activated, intermediate);
  const down = grouped(products.encode(inner, intermediate), 'down', intermediate, hidden); // [n, 1, hidden]
  const shares = factor ? g.op('Div', [grouping.shares, factor]) : grouping.shares;
  const mixed = g.op('Mul', [down, shares]);
  if (single) return g.op('ReduceSum', [mixed, g.int64([0])], { keepdims: { int: 0 } });
  return byToken(g, mixed, grouping.order, hidden);
}

function group(g: Graph, { experts }: PhiConfig, router: string, rows: Value): Grouping {
  const product = g.op('MatMul', [rows, `${router}.weight`]);
  const scores = g.op('Add', [product, `${router}.bias`]);
  const [first, second] = sparseMixer(g, scores, experts!);
  const flat = (a: Value, b: Value) => g.op('Reshape', [g.op('Concat', [a, b], { axis: { int: 1 } }), g.int64([-1])]);
  const ids = g.op('Unsqueeze', [flat(first.id, second.id), g.int64([0])]); // [1, n]
  const numbers = g.floats(
    Array.from({ length: experts!.count }, (_, i) => i),
    [experts!.count, 1],
  );
  const isOf = g.op('Equal', [numbers, ids]); // [experts, n]
  // Places of the true ones, row by row: all that is the first expert's, then the second's.
  const order = g.op('Gather', [g.op('NonZero', [isOf]), g.int64(1)], { axis: { int: 0 } });
  const counts = g.op('ReduceSum', [g.op('Cast', [isOf], { to: { int: 7 } }), g.int64([1])], { keepdims: { int: 0 } });
  const shares = g.op('Gather', [flat(first.share, second.share), order]);
  return {
    order,
    counts,
    token: g.op('Div', [order, g.int64(2)]),
    shares: g.op('Unsqueeze', [shares, g.int64([1, 2])]),
  };
}

/** Grouped rows `[n, 1, hidden]` put back in order, and each token's two added: `[tokens, 1, hidden]`. */
function byToken(g: Graph, grouped: Value, order: Value, hidden: number): Value {
  const places = g.op('Range', [g.int64(0), g.op('Squeeze', [g.op('Shape', [order]), g.int64([0])]), g.int64(1)]);
  const back = g.op('ScatterElements', [order, order, places]); // the inverse of `order`
  const pairs = g.op('Reshape', [g.op('Gather', [grouped, back]), g.int64([-1, 2, hidden])]);
  return g.op('ReduceSum', [pairs, g.int64([1])], { keepdims: { int: 1 } });
}
